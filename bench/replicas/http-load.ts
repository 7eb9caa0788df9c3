import { connect } from "node:net";
import { type Percentiles, percentiles } from "../load/percentiles.ts";

/** Makes the request of a connection's n-th call. */
export type MakeRequest = (connection: number, call: number) => string;

/**
 * Keeps one request under way on each of `connections` connections, spread over the servers; with `callsPerSecond`, sends
 * so many on all of them together. Resolves with the calls a second and the milliseconds that they took. A call that had to
 * wait for the one before it has taken the time since it was due, too.
 */
export async function loadServers(
  addresses: readonly string[],
  connections: number,
  seconds: number,
  make: MakeRequest,
  callsPerSecond?: number,
): Promise<Percentiles & { readonly perSecond: number }> {
  const latencies: number[] = [];
  const start = performance.now();
  const until = start + seconds * 1000;
  const calls = Array.from({ length: connections }, (_, index) => {
    const address = addresses[index % addresses.length] as string;
    const dueTime = (call: number) =>
      callsPerSecond === undefined
        ? performance.now()
        : start + ((call * connections + index) * 1000) / callsPerSecond;
    return callOn(address, (call) => make(index, call), dueTime, until, latencies);
  });
  await Promise.all(calls);
  const perSecond = (latencies.length * 1000) / (performance.now() - start);
  return { perSecond, ...percentiles(latencies) };
}

/** One HTTP/1.1 connection, read no further than it must be: a client that costs next to nothing. */
function callOn(
  address: string,
  make: (call: number) => string,
  dueTime: (call: number) => number,
  until: number,
  latencies: number[],
): Promise<void> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connect({ host, port: Number(port), noDelay: true });
  let text = "";
  let call = 0;
  let began = 0;
  const send = (time: number) => {
    began = time;
    socket.write(make(call++));
  };
  const sendWhenDue = () => {
    const due = dueTime(call);
    const earlyMs = due - performance.now();
    // The server does not delay a timer that fires late.
    if (earlyMs > 0) setTimeout(() => send(performance.now()), earlyMs);
    else send(due);
  };
  return new Promise((resolve, reject) => {
    socket.on("connect", sendWhenDue).on("error", reject);
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const head = text.indexOf("\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(text)?.[1];
      if (head < 0 || length === undefined || text.length < head + 4 + Number(length)) return;
      if (!text.startsWith("HTTP/1.1 2")) reject(new Error(text));
      text = "";
      const now = performance.now();
      latencies.push(now - began);
      if (now < until) return sendWhenDue();
      socket.destroy();
      resolve();
    });
  });
}

export function httpRequest(method: string, target: string, body: string): string {
  const type = body.startsWith("{") ? "application/json" : "text/plain";
  const content = `content-type: ${type}\r\ncontent-length: ${body.length}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nhost: localhost\r\n${content}\r\n${body}`;
}
