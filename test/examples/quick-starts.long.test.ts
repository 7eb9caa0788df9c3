import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";
import { proxyNames, startProxy } from "../support/proxies.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

const root = new URL("../../", import.meta.url).pathname;
const cache = join(root, "node_modules/.cache/quick-starts");

interface QuickStart {
  /** What must be installed. */
  readonly needs: readonly string[];
  /** Shell commands, run at the root of the project with the folder for what they make in $CACHE. */
  readonly build: string;
  readonly run: string;
  /** Runs the program of test/foreign that makes calls of every kind with the same library. */
  readonly calls: string;
}

const quickStarts: Readonly<Record<string, QuickStart>> = {
  go: {
    needs: ["go"],
    build: `node_modules/.bin/buf generate --template examples/go/buf.gen.yaml
      cd examples/go && go vet . && go build -o "$CACHE/go" .`,
    run: '"$CACHE/go" "$ADDRESS"',
    calls: 'cd examples/go && go run ../../test/foreign/go-calls/main.go "$ADDRESS"',
  },
  python: {
    needs: ["python3"],
    build: `python3 -m venv "$CACHE/python"
      "$CACHE/python/bin/pip" install --quiet --requirement examples/python/requirements.txt
      "$CACHE/python/bin/python" -m grpc_tools.protoc -I proto -I node_modules/google-proto-files \\
        --python_out="$CACHE/python" --grpc_python_out="$CACHE/python" proto/duetkv/v1/key_value.proto`,
    run: 'PYTHONPATH="$CACHE/python" "$CACHE/python/bin/python" examples/python/main.py "$ADDRESS"',
    calls: 'PYTHONPATH="$CACHE/python" "$CACHE/python/bin/python" test/foreign/python/calls.py "$ADDRESS"',
  },
  java: {
    needs: ["java", "mvn"],
    build: "cd examples/java && mvn --quiet --batch-mode compile",
    run: 'cd examples/java && mvn --quiet --batch-mode exec:java -Dexec.args="$ADDRESS"',
    calls: `cd examples/java && mvn --quiet --batch-mode exec:exec -Dexec.executable=java \\
      -Dexec.args="-cp %classpath ../../test/foreign/java/Calls.java $ADDRESS"`,
  },
  rust: {
    needs: ["cargo"],
    build: 'cd examples/rust && CARGO_TARGET_DIR="$CACHE/rust" cargo build --quiet --locked',
    run: '"$CACHE/rust/debug/duetkv-quick-start" "$ADDRESS"',
    calls: `cd test/foreign/rust && CARGO_TARGET_DIR="$CACHE/rust" cargo run --quiet --locked "$ADDRESS"`,
  },
};

const transcript = `put greeting at revision 1
got "Hello" of revision 1
put "Good morning" at revision 2
refused "Good evening": the revision is 2 now
committed at revision 3
listed greeting, greeting/de
deleted greeting at revision 4
watched 1 PUT greeting
watched 2 PUT greeting
watched 3 PUT greeting/de
watched 4 DELETE greeting
`;

/** The numbers after calls are codes of gRPC. */
const callsTranscript = `put 1000000 bytes at revision 1
got 1000000 bytes
batch: 1 found, 1 missing
commit: 10 REVISION_MISMATCH, current_revision 1
get: 5 NO_SUCH_KEY
touched at revision 2
history: 1 versions
deadline of a watch: 4
watched 1000000 bytes and canceled
`;

async function shell(script: string, address = ""): Promise<string> {
  const env = { ...process.env, CACHE: cache, ADDRESS: address };
  const { stdout } = await promisify(execFile)("sh", ["-ec", script], { cwd: root, env });
  // Maven resets the colours of a terminal even where there is none.
  return stripVTControlCharacters(stdout);
}

async function startServer(): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(async () => {
    await server.stop();
  });
  return server;
}

async function watchers({ adminAddress }: ServerProcess): Promise<number> {
  const text = await (await fetch(`http://${adminAddress}/metrics`)).text();
  return Number(/^duetkv_watchers (.*)$/m.exec(text)?.[1]);
}

// A first build fetches and compiles the whole gRPC library of the language.
const buildMs = 900_000;

describe.each(Object.entries(quickStarts))("the quick start in %s", (_, { needs, build, run, calls }) => {
  const installed = hasPrograms(...needs);
  beforeAll(async () => {
    if (installed) await shell(`mkdir -p "$CACHE"\n${build}`);
  }, buildMs);

  test.skipIf(!installed)("prints the same as all others", async () => {
    const { address } = await startServer();
    expect(await shell(run, address)).toBe(transcript);
    // In a store with a past it watches its own changes alone.
    expect((await shell(run, address)).match(/^watched .*/gm)).toEqual([
      "watched 5 PUT greeting",
      "watched 6 PUT greeting",
      "watched 7 PUT greeting/de",
      "watched 8 DELETE greeting",
    ]);
  });

  test.skipIf(!installed)("its library makes calls of every kind", async () => {
    const server = await startServer();
    expect(await shell(calls, server.address)).toBe(callsTranscript);
    await until(async () => expect(await watchers(server)).toBe(0));
  });

  test.skipIf(!installed || !hasPrograms(...proxyNames)).each(proxyNames)(
    "works through %s",
    async (proxy) => {
      expect(await shell(run, await startProxy(proxy, (await startServer()).address))).toBe(transcript);
    },
  );
});
