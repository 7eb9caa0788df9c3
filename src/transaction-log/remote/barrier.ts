import type { LogMessage } from "./driver.ts";

/** What a replica says in a barrier: the log that it has read, and the position of the newest batch that it knows there. */
export function encodeBarrier(log: string, known: number): Buffer {
  return Buffer.from(`${log} ${known}`);
}

/** The position of a batch that `log` has according to a barrier; 0: unknown. A replica of another log says nothing. */
export function knownOf(barrier: LogMessage | undefined, log: string): number {
  if (barrier === undefined) return 0;
  const [id, text] = barrier.bytes.toString().split(" ");
  const known = Number(text);
  return id === log && known < barrier.position ? known : 0;
}
