import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const slabs = new URL("../../../src/store/memory/slabs.ts", import.meta.url).href;

/** Reserves slabs in a process whose address space is limited, as the system limits it with strict overcommit. */
async function reserve(count: number): Promise<string> {
  const program = `
    import { reserveSlabs } from ${JSON.stringify(slabs)};
    try {
      console.log("reserved", reserveSlabs(${count}).buffers.length);
    } catch (error) {
      console.log(error.message);
    }`;
  const command = 'ulimit -v 8000000 && exec "$0" --input-type=module -e "$1"';
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", command, process.execPath, program]);
  return stdout.trim();
}

test("a process with too little address space gets a clear message", async () => {
  expect(await reserve(2)).toBe("reserved 2");
  expect(await reserve(256)).toMatch(
    /^cannot reserve 16384 MiB .* the operating system gave \d+ MiB\. Lower/,
  );
});
