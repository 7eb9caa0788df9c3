import type { ServerHttp2Session, ServerOptions } from "node:http2";

const sessionWindowBytes = 4 * 1024 * 1024;

/** What every HTTP/2 server of ours is made with. */
export const http2Options: ServerOptions = {
  // A client that cancels thousands of watches at once is no attack. Node's defaults, 1,000 and 33, cut it off.
  streamResetBurst: 20_000,
  streamResetRate: 2000,
  // MiB. The default of 10 refuses streams once a thousand watches have a few events waiting each.
  maxSessionMemory: 64,
  settings: {
    maxConcurrentStreams: 4096,
    // The default of 64 KiB makes a value of 1 MiB wait for sixteen round trips.
    initialWindowSize: 1024 * 1024,
    maxHeaderListSize: 32 * 1024,
    enablePush: false,
  },
};

/** Lets all streams of a session together send more than the 64 KiB that HTTP/2 begins with. */
export function widenSession(session: ServerHttp2Session): void {
  session.setLocalWindowSize(sessionWindowBytes);
}
