import type { ServiceImpl } from "@connectrpc/connect";
import type { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import type { Database, Replica } from "../database.ts";
import type { Limits } from "../limits.ts";
import { callerOf } from "../security/caller.ts";
import { toInt64, toTimestampInit } from "./entry-init.ts";
import { toIdentityResponse } from "./identity-response.ts";

/** The load of the server over the last seconds. */
interface CallRates {
  readonly callsPerSecond: number;
  readonly p99Seconds: number;
}

export interface StatusServiceOptions {
  readonly database: Database;
  readonly limits: Limits;
  /** The version of the server. */
  readonly version: string;
  readonly rates: () => CallRates;
  /** Why the server is not ready; undefined when it is. */
  readonly unready: () => string | undefined;
  /** The certificates in use, with their ends in milliseconds since 1970 UTC. Default: none. */
  readonly certificates?: (() => readonly { readonly use: string; readonly time: number }[]) | undefined;
}

/** Serves the status of the server and its store, and online backups. */
export function createStatusService(options: StatusServiceOptions): ServiceImpl<typeof StatusService> {
  const { database } = options;
  const limits = toLimits(options.limits);
  return {
    getStatus(_request, context) {
      const status = database.status();
      const open = {
        version: options.version,
        storeId: status.storeId,
        revision: toInt64(status.revision),
        oldestRevision: toInt64(status.oldestRevision),
        limits,
        writable: status.fault === undefined && status.followsLog,
      };
      if (callerOf(context)?.identity.rights.server.has("status") === false) return open;
      const { callsPerSecond, p99Seconds } = options.rates();
      return {
        ...open,
        entries: toInt64(status.entries),
        storeBytes: toInt64(status.storeBytes),
        fault: options.unready() ?? "",
        replicas: database.replicas().map(toReplica),
        callsPerSecond,
        callP99Seconds: p99Seconds,
        stateHash: status.stateHash,
        certificates: (options.certificates?.() ?? []).map(({ use, time }) => ({
          use,
          expireTime: toTimestampInit(time),
        })),
      };
    },

    getIdentity: (_request, context) => toIdentityResponse(callerOf(context)),

    async *snapshot(_request, { signal }) {
      for await (const data of database.snapshot(signal)) yield { data };
    },
  };
}

/** The limits by flag name, with underscores. */
function toLimits(limits: Limits): Record<string, bigint> {
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      toInt64(value),
    ]),
  );
}

function toReplica({ id, revision, seenTime, writer }: Replica) {
  return { id, revision: toInt64(revision), seenTime: toTimestampInit(seenTime), writer };
}
