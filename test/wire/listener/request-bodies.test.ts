import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { findErrorInfo } from "../../../src/wire/wire-error.ts";
import { until } from "../../support/until.ts";
import { openSession } from "../http2/http2-client.ts";
import { data, headers, opening } from "../http2/raw-frames.ts";
import { serveBodies } from "./serve-bodies.ts";

const MiB = 1024 * 1024;

test("requests of streams that stay open give the connection its window back", async () => {
  const { port, received } = await serveBodies({ windowBytes: 65_535 });
  const session = openSession(port);
  for (let count = 0; count < 20; count++) {
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => {});
    stream.end(Buffer.alloc(15_000));
  }
  await until(() => received.length === 20);
});

describe("without room in the budget", () => {
  test("a request in one frame is refused before its handler is called", async () => {
    const { port, budget, received, failed, ended } = await serveBodies();
    budget.force(64 * MiB);
    const socket = connect(port, "127.0.0.1").resume();
    onTestFinished(() => void socket.destroy());
    socket.write(Buffer.concat([opening(), headers(1), data(1, Buffer.alloc(4000), true)]));
    await until(() => failed.length > 0);
    expect(failed.map((error) => findErrorInfo(error as never)?.reason)).toEqual(["OVERLOADED"]);
    expect(received).toEqual([]);
    expect(ended).toEqual(["total_bytes"]);
  });

  test("a short request is served", async () => {
    const { port, budget, received, ended } = await serveBodies();
    budget.force(64 * MiB);
    const socket = connect(port, "127.0.0.1").resume();
    onTestFinished(() => void socket.destroy());
    socket.write(Buffer.concat([opening(), headers(1), data(1, Buffer.alloc(1000), true)]));
    await until(() => received.length > 0);
    expect(ended).toEqual([]);
  });
});
