import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { serverProgram } from "../support/server-program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { startFakeServer } from "./fake-server.ts";
import { runCli } from "./run-cli.ts";

const run = promisify(execFile);
let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

/** What a pseudo-terminal shows, and the exit code. With `end`, ctrl-C is typed when that is shown. */
async function onTerminal(
  command: string,
  typed = "",
  end?: string,
): Promise<{ shown: string; code: number }> {
  const line = command.replaceAll(/duetkv(?= )/g, `'${process.execPath}' '${serverProgram()}'`);
  const env = {
    PATH: process.env["PATH"],
    TERM: "xterm",
    DUETKV_CLIENT_SERVER: server.address,
  };
  const running = run("script", ["-qec", line, "/dev/null"], { env });
  running.child.stdin?.write(typed);
  if (end !== undefined) {
    let shown = "";
    running.child.stdout?.on("data", function look(chunk: string) {
      shown += chunk;
      if (!shown.includes(end)) return;
      running.child.stdout?.off("data", look);
      running.child.stdin?.write("\u0003");
    });
  }
  const result = await running.catch((error) => error);
  return { shown: result.stdout.replaceAll("\r\n", "\n"), code: result.code ?? 0 };
}

test.skipIf(!hasPrograms("script"))(
  "on a terminal a value ends with a newline, and must be text",
  async () => {
    await runCli(["put", "text", "hello"], { address: server.address });
    await runCli(["put", "bytes", "-"], { address: server.address, input: Buffer.from([0xff, 1]) });
    await runCli(["put", "escape", "\u001b[2Jgone"], { address: server.address });
    expect(await onTerminal("duetkv get text")).toEqual({ shown: "hello\n", code: 0 });
    const refusal = "bytes) and is not printed to a terminal\nWrite it to a file: duetkv get KEY > FILE.";
    expect(await onTerminal("duetkv get bytes")).toEqual({
      shown: expect.stringContaining(refusal),
      code: 2,
    });
    expect(await onTerminal("duetkv get escape")).toEqual({
      shown: expect.stringContaining(refusal),
      code: 2,
    });
    expect((await onTerminal("duetkv get bytes --json")).shown).toContain('"bytesValue":"/wE="');
  },
);

test.skipIf(!hasPrograms("script"))("on a terminal colors can be turned off", async () => {
  const watch = (prefix: string, flags: string) =>
    onTerminal(`${prefix} duetkv watch text --from 0 ${flags}`, "", " rev");
  const [colored, plain, variable] = await Promise.all([
    watch("", ""),
    watch("", "--no-color"),
    watch("NO_COLOR=1", ""),
  ]);
  expect(colored.shown).toContain("\u001b[32mPUT\u001b[39m text rev");
  expect(plain.shown).toContain(" PUT text rev");
  expect(variable.shown).toContain(" PUT text rev");
});

test.skipIf(!hasPrograms("script"))("a put on a terminal without a value says how to give one", async () => {
  const { shown, code } = await onTerminal("duetkv put text");
  expect({ shown, code }).toEqual({
    shown: expect.stringContaining("with --file, or on stdin with -."),
    code: 2,
  });
});

test.skipIf(!hasPrograms("script"))("a waiting user is told which server cannot be reached", async () => {
  const { shown, code } = await onTerminal("duetkv get text --server 127.0.0.1:1 --timeout 3s");
  expect(shown).toMatch(
    /^cannot reach http:\/\/127\.0\.0\.1:1: .*; retrying for [\d.]+ s\nduetkv: cannot reach/,
  );
  expect(code).toBe(6);
});

test.skipIf(!hasPrograms("script"))("a person sees how far a snapshot is", async () => {
  await runCli(["put", "large", "-"], { address: server.address, input: Buffer.alloc(1_000_000, "x") });
  const file = join(await temporaryDirectory(), "backup");
  for (const command of [`save ${file}`, `verify ${file}`, `restore ${file} --log file:${file}.data`]) {
    const { shown, code } = await onTerminal(`duetkv snapshot ${command}`);
    expect(shown).toMatch(/\r\[[# ]{20}\] \d+ % [\d,]+ of 1,000,\d\d\d bytes, /);
    expect(code).toBe(0);
  }
});

test.skipIf(!hasPrograms("script"))("on a terminal a log is shown without control characters", async () => {
  const log = `file:${join(await temporaryDirectory(), "data")}`;
  const writer = await startServerProcess(["--log", log]);
  await runCli(["put", "k", "\u009b2J\u202e"], { address: writer.address });
  await writer.stop();
  const { shown, code } = await onTerminal(`duetkv log cat --log ${log}`);
  expect({ shown, code }).toEqual({ shown: expect.stringContaining('"\\u009b2J\\u202e"'), code: 0 });
  const { stdout } = await runCli(["log", "cat", "--log", log]);
  expect(JSON.parse(stdout.toString()).events).toMatchObject([{ key: "k", value: "\u009b2J\u202e" }]);
  expect(JSON.parse(shown)).toEqual(JSON.parse(stdout.toString()));
});

test.skipIf(!hasPrograms("script"))(
  "a command with a lock reads from the terminal, and gets its signals once",
  async () => {
    const reader = await onTerminal(`duetkv lock t/read -- sh -c 'read line; echo "read $line"'`, "hello\n");
    expect(reader).toEqual({ shown: expect.stringContaining("read hello\n"), code: 0 });
    // The signal may come before the first sleep begins, so a long sleep would not see it.
    const script =
      "trap 'echo caught; c=1' INT; echo up; until [ \\$c ]; do sleep 0.1; done; sleep 0.5; exit 3";
    const caught = await onTerminal(`exec duetkv lock t/signal -- sh -c "${script}"`, "", "up");
    expect(caught.code).toBe(3);
    expect(caught.shown.match(/caught/g)).toEqual(["caught"]);
  },
);

test.skipIf(!hasPrograms("script", "bash"))(
  "ctrl-Z stops a command together with its lock, and fg continues both",
  async () => {
    const env = { PATH: process.env["PATH"], TERM: "dumb", DUETKV_CLIENT_SERVER: server.address, PS1: "" };
    // Only an interactive shell has jobs.
    const shell = spawn("script", ["-qec", "bash --norc --noprofile --noediting -i", "/dev/null"], { env });
    onTestFinished(() => void shell.kill("SIGKILL"));
    const ended = once(shell, "close");
    let shown = "";
    shell.stdout.on("data", (chunk) => {
      shown += chunk;
    });
    const type = (text: string) => shell.stdin.write(text);
    // The terminal shows what is typed, too, so what is waited for is spelled differently there.
    const script = "echo u''p; read line; echo got $line";
    type(
      `'${process.execPath}' '${serverProgram()}' lock t/jobs --ttl 30m -- sh -c "${script.replace("$", "\\$")}"\n`,
    );
    await until(() => shown.includes("\nup"));
    type("\u001a");
    await until(() => shown.includes("Stopped"));
    type("ps -o stat= -p $(jobs -p) $(ps -o pid= --ppid $(jobs -p)); echo list''ed\n");
    await until(() => shown.includes("\nlisted"));
    const states = shown.split("\n").filter((line) => /^T\S*\r?$/.test(line));
    expect(states).toHaveLength(2);
    type("fg\n");
    await until(() => shown.lastIndexOf("lock t/jobs") > shown.indexOf("\nlisted"));
    type("hello\n");
    await until(() => shown.includes("\ngot hello"));
    type("exit $?\n");
    expect(await ended).toEqual([0, null]);
    expect((await runCli(["get", "t/jobs"], { address: server.address })).code).toBe(3);
  },
);

test.skipIf(!hasPrograms("script"))("on a terminal no revision of a server can move the cursor", async () => {
  const revision = "7\u001b[2J";
  const entry = { key: "k", value: "v", revision, version: revision, updateTime: "2026-01-01T00:00:00Z" };
  const events = [{ type: "PUT", entry }];
  const lists = { entries: [entry], prefixes: [], events, nextPageToken: "" };
  const message = { revision, entry, oldestRevision: revision, ...lists };
  const address = await startFakeServer(message);
  for (const command of ["put k v", "ls --long", "history k", "touch k --permanent --json"]) {
    const { shown, code } = await onTerminal(`duetkv ${command} --server ${address}`);
    expect({ command, code, shown }).toEqual({
      command,
      code: 0,
      shown: expect.stringContaining("7\\u001b[2J"),
    });
    expect(shown).not.toContain("\u001b[2J");
  }
});

test.skipIf(!hasPrograms("script"))("a prefix is deleted when a person says yes", async () => {
  await runCli(["put", "below/a", "x"], { address: server.address });
  const refused = await onTerminal("duetkv del --prefix below/", "n\n");
  expect(refused).toEqual({ shown: expect.stringContaining("Delete 1 keys below below/? [y/N] "), code: 1 });
  expect(refused.shown).toContain("nothing was deleted");
  const confirmed = await onTerminal("duetkv del --prefix below/", "y\n");
  expect(confirmed).toEqual({ shown: expect.stringContaining("deleted 1\n"), code: 0 });
});
