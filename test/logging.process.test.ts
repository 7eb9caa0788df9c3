import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const logging = fileURLToPath(new URL("../src/logging.ts", import.meta.url));

/** What a process writes to a pipe that logs with `code`; `writes` in it counts the writes. */
async function outputOf(code: string): Promise<string[]> {
  const script = `
    import { Socket } from "node:net";
    import { createLog } from ${JSON.stringify(logging)};
    let writes = 0;
    const { write } = Socket.prototype;
    Socket.prototype.write = function (...args) { writes++; return write.apply(this, args); };
    const { log, writeLine, close } = createLog("info");
    ${code}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = (await text(child.stdout)).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line).msg);
}

test("lines of a turn are written to a pipe together, in their order", async () => {
  const lines = await outputOf(`
    for (let line = 0; line < 500; line++) log.info(String(line));
    writeLine('{"msg":"of the audit"}\\n');
    await new Promise((resolve) => setTimeout(resolve));
    log.info("writes: " + writes);
    await close();`);
  expect(lines).toEqual([
    ...Array.from({ length: 500 }, (_, line) => String(line)),
    "of the audit",
    "writes: 1",
  ]);
});

test("a process that is killed in the turn of a warning has written it, and what came before it", async () => {
  const lines = await outputOf(`
    log.info("before");
    log.warn("warning");
    process.kill(process.pid, "SIGKILL");`);
  expect(lines).toEqual(["before", "warning"]);
});

test("a process that exits in the turn of a line has written it", async () => {
  expect(await outputOf(`log.info("last"); process.exit(0);`)).toEqual(["last"]);
  expect(await outputOf(`log.info("last"); throw new Error("expected");`)).toEqual(["last"]);
});

test("lines are dropped while 1 MiB waits for the reader", async () => {
  const lines = await outputOf(`
    const line = JSON.stringify({ msg: "x".repeat(100_000) }) + "\\n";
    for (let each = 0; each < 20; each++) writeLine(line);
    log.warn("dropped, too");
    await close();`);
  expect(lines.map(({ length }) => length)).toEqual(Array.from({ length: 11 }, () => 100_000));
});
