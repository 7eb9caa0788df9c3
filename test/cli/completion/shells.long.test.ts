import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { hasPrograms } from "../../support/programs.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { serverProgram } from "../../support/server-program.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { runCli } from "../run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
  const keys = ["config/database/name", "config/database/size", "two words", "ns:one:key", "quote'd"];
  for (const key of keys) {
    const url = `http://${server.address}/v1/key/${encodeURIComponent(key)}`;
    expect((await fetch(url, { method: "PUT", body: `value of ${key}` })).status).toBe(201);
  }
});

afterAll(async () => {
  await server.stop();
});

/** How each shell is started without the user's configuration, and loads the completion. */
const shells = {
  bash: { command: "bash --norc --noprofile -i", load: "source <(duetkv completion bash)" },
  zsh: {
    command: "zsh -f -i",
    load: "autoload -U compinit; compinit -u -D; source <(duetkv completion zsh)",
  },
  fish: { command: "fish --no-config -i", load: "duetkv completion fish | source" },
} as const;

/** A shell on a pseudo-terminal, in which a person types. */
async function openShell(shell: keyof typeof shells) {
  const directory = await temporaryDirectory();
  const program = join(directory, "duetkv");
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${serverProgram()}' "$@"\n`);
  await chmod(program, 0o755);
  await mkdir(join(directory, "context-here"));
  const { command, load } = shells[shell];
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: directory,
    env: {
      PATH: `${directory}:${process.env["PATH"]}`,
      HOME: directory,
      TERM: "xterm",
      LANG: "C.UTF-8",
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      DUETKV_CLIENT_SERVER: server.address,
    },
  });
  const ended = once(child, "close");
  let shown = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
    });
  }
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let count = 0;
  /** Types keys and Enter, and resolves with what was shown since. */
  async function type(keys: string): Promise<string> {
    const start = shown.length;
    child.stdin.write(`${keys}\r`);
    // The mark is printed by the shell: it differs from what the terminal echoes.
    const mark = `mark-${++count}-`;
    child.stdin.write(`echo ${mark}''end\r`);
    await until(() => shown.slice(start).includes(`${mark}end`));
    return shown.slice(start);
  }
  await type(load);
  return type;
}

test.for((["bash", "zsh", "fish"] as const).filter((shell) => hasPrograms(shell, "script")))(
  "%s completes commands, flags and keys",
  async (shell) => {
    const type = await openShell(shell);
    expect(await type("duetkv ge\tconf\tdata\tna\t")).toContain("value of config/database/name");
    expect(await type("duetkv get tw\t")).toContain("value of two words");
    expect(await type('duetkv get "tw\t')).toContain("value of two words");
    expect(await type("duetkv get ns\t")).toContain("value of ns:one:key");
    expect(await type("duetkv get ns:o\t")).toContain("value of ns:one:key");
    expect(await type("duetkv get quo\t")).toContain("value of quote'd");
    expect(await type("duetkv ls config/ --rec\t")).toContain("config/database/size");
    expect(await type("duetkv put a --file context\t")).toContain("EISDIR");
  },
);

test("a server that is gone or silent does not hold up a completion", async () => {
  const silent = createServer();
  onTestFinished(() => void silent.close());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  for (const address of ["127.0.0.1:1", `127.0.0.1:${port}`]) {
    const { code, stdout, stderr } = await runCli(["complete", "fish", "get", "c"], { address });
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: "words\n", stderr: "" });
  }
});

test("more keys than a person reads still have their common beginning", async () => {
  const puts = Array.from({ length: 500 }, (_, index) => ({
    put: { key: `many/${1000 + index}`, value: "" },
  }));
  const response = await fetch(`http://${server.address}/v1/key:commit`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mutations: [...puts.slice(0, 499), { put: { key: "many/x", value: "" } }] }),
  });
  expect(response.status).toBe(200);
  const { stdout } = await runCli(["complete", "zsh", "get", "many/"], { address: server.address });
  const words = stdout.toString().trimEnd().split("\n");
  expect(words.length).toBe(1 + 200 + 1);
  expect(words.at(-1)).toBe("many/x");
});

test("no completion names an unprintable key", async () => {
  const url = `http://${server.address}/v1/key/${encodeURIComponent("evil/\u001b[2J")}`;
  expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(201);
  const { stdout } = await runCli(["complete", "zsh", "get", "evil/"], { address: server.address });
  expect(stdout.toString()).toBe("words\n");
});
