import type { Socket } from "node:net";

/** How every HTTP/2 connection begins (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Reads the first bytes of a connection, until they say which protocol it speaks, puts them back and calls `decide`.
 * A connection that ends, fails or says too little within `timeoutMs` is destroyed, and `decide` is never called;
 * `onTimeout` is called in the last case.
 */
export function peekPreface(
  socket: Socket,
  timeoutMs: number,
  decide: (protocol: "http/1.1" | "h2") => void,
  onTimeout: () => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => {
    socket.destroy();
    onTimeout();
  }, timeoutMs);
  const giveUp = (): void => void socket.destroy();

  function stopPeeking(): void {
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.off("end", giveUp);
    socket.off("close", stopPeeking);
    socket.off("error", giveUp);
  }

  function onReadable(): void {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const equal = seen.compare(preface, 0, length, 0, length) === 0;
    if (equal && length < preface.length) return;
    stopPeeking();
    socket.unshift(seen);
    decide(equal ? "h2" : "http/1.1");
  }

  socket.on("error", giveUp);
  socket.on("close", stopPeeking);
  socket.on("end", giveUp);
  socket.on("readable", onReadable);
}
