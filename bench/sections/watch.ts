import { connect } from "node:http2";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { withClient, withDuetKv } from "../duetkv.ts";
import { percentiles } from "../load/percentiles.ts";
import { grpcRequest } from "../load/requests.ts";
import type { Run } from "../results.ts";
import type { ServerProcess } from "../server-process.ts";

const section = "watch";
/** Puts that are under way at the same time. */
const window = 8;

/** All watch the same key. The next put is sent when all have seen the one that was `window` before it. */
export async function watch(run: Run): Promise<void> {
  for (const watchers of run.quick ? [1, 100] : [1, 100, 1000]) {
    await withDuetKv([], async (server) => {
      const fanOut = await openWatchers(server.address, watchers);
      const { lags, seconds, cpuMicros } = await measureFanOut(server, fanOut, run.seconds);
      fanOut.close();
      const who = `${watchers} watcher${watchers === 1 ? "" : "s"}`;
      run.found({ section, what: `${who}: delivered`, value: lags.length / seconds, unit: "events/s" });
      const { p50, p99 } = percentiles(lags);
      run.found({ section, what: `${who}: lag from sending the put, p50`, value: p50, unit: "ms" });
      run.found({ section, what: `${who}: lag from sending the put, p99`, value: p99, unit: "ms" });
      run.found({ section, what: `${who}: server CPU`, value: cpuMicros, unit: "µs an event" });
    });
  }
}

/** Puts for `seconds`, and what they took: the server's CPU for each event, and the time until each event came, in ms. */
export async function measureFanOut(server: ServerProcess, fanOut: FanOut, seconds: number) {
  fanOut.lags.length = 0;
  const end = performance.now() + seconds * 1000;
  const cpu = server.cpuMicros();
  const start = performance.now();
  await withClient(server.address, async (client) => {
    const writers = Array.from({ length: window }, async () => {
      while (performance.now() < end) {
        const put = fanOut.nextPut();
        await client.put({ key: "watched", value: put.value });
        await put.seenByAll;
      }
    });
    await Promise.all(writers);
  });
  const lags = [...fanOut.lags];
  return {
    lags,
    seconds: (performance.now() - start) / 1000,
    cpuMicros: (server.cpuMicros() - cpu) / lags.length,
  };
}

type FanOut = Awaited<ReturnType<typeof openWatchers>>;

/** Values are fixed in length and carry a number, so that a watcher finds it without decoding the message. */
const mark = "put number ";

/** Opens `count` watches of the same key, a hundred on a connection. */
export async function openWatchers(address: string, count: number) {
  const lags: number[] = [];
  const sessions = Array.from({ length: Math.ceil(count / 100) }, () => connect(`http://${address}`));
  const waiting = new Map<number, { readonly sent: number; left: number; readonly done: () => void }>();
  const { path, headers, body } = grpcRequest(
    KeyValueService.method.watch as never,
    { key: "watched" } as never,
  );
  const opened = Array.from({ length: count }, (_, index) => {
    const session = sessions[index % sessions.length] as (typeof sessions)[number];
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.end(body);
    // Ends with the session.
    stream.on("error", () => {});
    let rest = "";
    return new Promise<void>((resolve) => {
      stream.on("data", (chunk: Buffer) => {
        // The first message has no event; it means that the watch is open.
        resolve();
        rest += chunk.toString("latin1");
        for (
          let at = rest.indexOf(mark);
          at >= 0 && rest.length >= at + mark.length + 8;
          at = rest.indexOf(mark)
        ) {
          saw(Number(rest.slice(at + mark.length, at + mark.length + 8)));
          rest = rest.slice(at + mark.length + 8);
        }
      });
    });
  });
  await Promise.all(opened);

  function saw(number: number): void {
    const put = waiting.get(number);
    if (put === undefined) throw new Error(`put ${number} was delivered twice`);
    lags.push(performance.now() - put.sent);
    put.left--;
    if (put.left > 0) return;
    waiting.delete(number);
    put.done();
  }

  let puts = 0;
  return {
    lags,
    nextPut() {
      const number = puts++;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(number, { sent: performance.now(), left: count, done: resolve });
      return { value: mark + String(number).padStart(8, "0"), seenByAll: promise };
    },
    close() {
      for (const session of sessions) session.destroy();
    },
  };
}
