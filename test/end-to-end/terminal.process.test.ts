import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";
import { serverProgram } from "../support/server-program.ts";

test.skipIf(!hasPrograms("script"))(
  "on a terminal the log is readable and shows a first command",
  async () => {
    const flags = "--log memory: --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0";
    const command = `echo PID=$$; exec '${process.execPath}' '${serverProgram()}' ${flags}`;
    const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(terminal, "exit");
    const lines: string[] = [];
    for await (const line of createInterface(terminal.stdout)) {
      lines.push(line);
      if (!line.startsWith("try: ")) continue;
      process.kill(Number(lines[0]?.slice("PID=".length)), "SIGTERM");
      break;
    }
    const [address] = /127\.0\.0\.1:\d+/.exec(lines.at(-2) as string) as RegExpExecArray;
    expect(lines.at(-2)).toMatch(/^\d\d:\d\d:\d\d {2}info {2}ready {2}listen=127\.0\.0\.1:\d+ {2}admin=/);
    expect(lines.at(-1)).toBe(`try: curl http://${address}/v1/key/greeting -X PUT -d hello`);
    expect(await ended).toEqual([0, null]);
  },
);
