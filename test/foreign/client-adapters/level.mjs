// Runs the suite of abstract-level on DuetLevel against the server at HOST:PORT, and prints TAP.
import suite from "abstract-level/test/index.js";
import tape from "tape";
import { connect } from "../../../clients/typescript/src/index.ts";
import { DuetLevel } from "../../../clients/typescript/src/level.ts";

const client = connect({ url: `http://${process.argv[2]}`, timeoutMs: 60_000 });
let databases = 0;

suite({
  test: tape,
  factory: (options) => new DuetLevel(client.scope(`level/${++databases}/`), options),
});
tape.onFinish(() => client.close());
