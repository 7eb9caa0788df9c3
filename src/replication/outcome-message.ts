import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Outcome as OutcomeMessage, OutcomeSchema } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Entry as EntryMessage } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { EntryHead, Operation, Outcome } from "../database.ts";
import { DuetError } from "../errors.ts";
import { type Reason, reasons } from "../reasons.ts";
import { toEntryInitWithoutValue } from "../service/entry-init.ts";
import { NotForwardedError } from "./not-forwarded-error.ts";

type OutcomeInit = MessageInitShape<typeof OutcomeSchema>;

/** Encodes what became of an operation. An unexpected error is not sent: its outcome is unknown to the other replica. */
export function toOutcomeMessage(settled: PromiseSettledResult<Outcome>): OutcomeInit {
  if (settled.status === "rejected") {
    const { reason: error } = settled;
    if (!(error instanceof DuetError)) return { kind: { case: "failure", value: { reason: "INTERNAL" } } };
    const { reason, message } = error;
    const metadata = Object.entries(error.metadata).map(([name, value]) => ({ name, value }));
    return { kind: { case: "failure", value: { reason, message, metadata } } };
  }
  const { revision, results } = settled.value;
  const value = {
    revision: BigInt(revision),
    results: results.map(({ entry, deleted }) =>
      entry === undefined ? { deleted } : { entry: toEntryInitWithoutValue(entry) },
    ),
  };
  return { kind: { case: "committed", value } };
}

/** Says that an operation was not begun. */
export function toRefusalMessage(error: unknown): OutcomeInit {
  return { kind: { case: "failure", value: { message: String(error), refused: true } } };
}

/**
 * Decodes what became of `operation` on a replica that has applied everything up to `applied`. Throws the DuetError of a
 * failure, NotForwardedError when nothing was begun, and TypeError when the message makes no sense.
 */
export function readOutcome({ kind }: OutcomeMessage, { mutations }: Operation, applied: number): Outcome {
  if (kind.case === "failure") {
    const { reason, message, metadata, refused } = kind.value;
    if (refused) throw new NotForwardedError(`the replica does not take the operation: ${message}`);
    if (!isReason(reason)) throw new TypeError(`unknown reason ${JSON.stringify(reason)}`);
    const fields = Object.fromEntries(metadata.map(({ name, value }) => [name, value]));
    throw new DuetError(reason, message, { metadata: fields });
  }
  if (kind.case === undefined) throw new TypeError("an outcome is neither a result nor a failure");
  const { results } = kind.value;
  const revision = Number(kind.value.revision);
  if (results.length !== mutations.length) {
    throw new TypeError(`${results.length} results of ${mutations.length} mutations`);
  }
  if (revision < 0 || revision > applied) {
    throw new TypeError(`an operation at revision ${revision} of a store at revision ${applied}`);
  }
  return {
    revision,
    results: mutations.map(({ type, key }, index) => {
      const { entry, deleted = false } = results[index] ?? {};
      if ((entry === undefined) !== (type === "delete")) throw new TypeError(`no result of a ${type}`);
      return { entry: entry && toEntryHead(key, entry), deleted };
    }),
  };
}

function isReason(reason: string): reason is Reason {
  return Object.hasOwn(reasons, reason);
}

function toEntryHead(key: string, entry: EntryMessage): EntryHead {
  return {
    key,
    revision: Number(entry.revision),
    createRevision: Number(entry.createRevision),
    version: Number(entry.version),
    updateTime: toMilliseconds(entry.updateTime),
    expireTime: toMilliseconds(entry.expireTime),
  };
}

/** 0 when there is none. */
function toMilliseconds(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1_000_000;
}
