// @generated from file duetkv/internal/v1/forwarding.proto (package duetkv.internal.v1), do not edit

/** What the contract says of its services, methods, messages, fields and enums, by full name. */
export const comments: ReadonlyMap<string, string> = new Map([
  ["duetkv.internal.v1.ForwardingService.Forward", "Commits operations that another replica has received. Responds when each of them is durable or has failed. The call itself fails only before the first operation is begun, unless the connection or the server ends."],
  ["duetkv.internal.v1.ForwardRequest.store_id", "Of the log. An address may have passed to a replica of another store."],
  ["duetkv.internal.v1.ForwardRequest.operations", "At most 1,000. Without any, the call only proves that the replica is there."],
  ["duetkv.internal.v1.ForwardRequest.replica_id", "The replica that shall commit them. An address may lead to another one."],
  ["duetkv.internal.v1.ForwardRequest.not_after", "By the clock of the log, in milliseconds since 1970 UTC: an operation that would be evaluated later has failed with DEADLINE_EXCEEDED."],
  ["duetkv.internal.v1.Operation.commit", "Puts and deletes, too."],
  ["duetkv.internal.v1.ForwardResponse.revision", "The replica has applied all of the operations at this revision."],
  ["duetkv.internal.v1.ForwardResponse.outcomes", "One for each operation, in the same order."],
  ["duetkv.internal.v1.ForwardResponse.state_hash", "Of the entries at this revision, as GetStatus shows it. A replica with other ones at the same revision has another log."],
  ["duetkv.internal.v1.Outcome.committed", "Of a touch, too."],
  ["duetkv.internal.v1.Failure.refused", "Nothing has been begun: the replica does not take this operation."],
]);
