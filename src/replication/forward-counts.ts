/** What became of operations that another replica should append. */
export class ForwardCounts {
  /** The writer has responded. */
  forwarded = 0;
  /** The writer did not take them; they were committed here. */
  refused = 0;
  /** The writer did not respond. Those of which the log shows what became of them were committed here. */
  unknown = 0;
  /** Too many were waiting, here or at the writer; they were refused. */
  overloaded = 0;
  /** From other replicas. */
  received = 0;
  /** Requests of callers that did not prove that they are replicas. */
  denied = 0;
  /** The bytes of those that wait for the writer, and of those whose outcome is not known yet. */
  queueBytes = 0;
  /** Whether there is a connection to the writer. */
  isConnected = false;
}
