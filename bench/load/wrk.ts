import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load, Request, Seen } from "./load.ts";
import { runPinned } from "./run-pinned.ts";

/** Sends HTTP/1.1 requests, each time one of them at random, one at a time on each connection. */
export async function runWrk(address: string, { requests, concurrency, seconds }: Load): Promise<Seen> {
  const directory = await mkdtemp(join(tmpdir(), "wrk-"));
  try {
    const script = join(directory, "requests.lua");
    await writeFile(
      script,
      `local requests = {}
function init()
${requests.map((request) => `  table.insert(requests, ${toLua(request)})`).join("\n")}
end
function request()
  return requests[math.random(#requests)]
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"requests":%d,"failed":%d,"seconds":%f,"p50":%d,"p99":%d,"p999":%d}\\n',
    summary.requests, failed, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
`,
      "latin1",
    );
    const flags = [
      "-t",
      "1",
      "-c",
      String(concurrency),
      "-d",
      `${seconds}s`,
      "--timeout",
      "10s",
      "-s",
      script,
    ];
    const output = await runPinned(["wrk", ...flags, `http://${address}/`]);
    return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  } finally {
    await rm(directory, { recursive: true });
  }
}

function toLua({ method, path, headers, body }: Request): string {
  const table = Object.entries(headers).map(([name, value]) => `[${quote(name)}]=${quote(value)}`);
  const content = body.length === 0 ? "nil" : quote(Buffer.from(body).toString("latin1"));
  return `wrk.format(${quote(method)}, ${quote(path)}, { ${table.join(", ")} }, ${content})`;
}

/** A Lua string with any bytes. */
function quote(text: string): string {
  return `"${text.replace(/[^ !#-[\]-~]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, "0")}`)}"`;
}
