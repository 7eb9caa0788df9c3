import { toTimeText } from "../entry-line.ts";
import type { Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";
import { toCountText, toSizeText } from "../units.ts";

interface Status {
  readonly version: string;
  readonly storeId: string;
  readonly revision: string;
  readonly oldestRevision: string;
  readonly entries: string;
  readonly storeBytes: string;
  readonly limits: Readonly<Record<string, string>>;
  readonly writable: boolean;
  readonly fault: string;
  readonly replicas: readonly Replica[];
  readonly callsPerSecond: number;
  readonly callP99Seconds: number;
  readonly stateHash: string;
}

interface Replica {
  readonly id: string;
  readonly revision: string;
  readonly seenTime?: string;
  readonly writer: boolean;
}

export const run: Run<"status"> = async ({ output, openClient }) => {
  const client = openClient();
  const status = await client.read<Status>("duetkv.v1.StatusService/GetStatus", {});
  if (output.json) {
    output.object(status);
    return 0;
  }
  const storeBytesMax = status.limits["store_bytes_max"];
  const bound = storeBytesMax === undefined ? "" : ` of ${toSizeText(Number(storeBytesMax))}`;
  const rows = [
    ["server", `${client.server.origin}, version ${toPrintable(status.version)}`],
    ["store", toPrintable(status.storeId)],
    ["entries", `${toCountText(status.entries)}, ${toSizeText(Number(status.storeBytes))}${bound}`],
    ["revision", `${status.revision}; changes after ${status.oldestRevision} can be watched`],
    ["writes", status.writable ? "yes" : "no"],
    ["fault", status.fault === "" ? "none" : output.color("red", toPrintable(status.fault))],
    ["calls", `${status.callsPerSecond.toFixed(1)}/s, p99 ${(status.callP99Seconds * 1000).toFixed(1)} ms`],
    ["state hash", toPrintable(status.stateHash)],
    ...status.replicas.map((replica) => ["replica", toReplicaText(replica)]),
  ] as const;
  for (const [name, text] of rows) output.line(`${name?.padEnd(11)}${text}`);
  return 0;
};

function toReplicaText({ id, revision, seenTime, writer }: Replica): string {
  const seen = seenTime === undefined ? "" : `, seen ${toTimeText(seenTime)}`;
  return `${toPrintable(id)}, revision ${revision}${seen}${writer ? ", writer" : ""}`;
}
