/** What became of operations that another replica should append. */
export class ForwardCounts {
  /** The writer has responded. */
  forwarded = 0;
  /** The writer did not take them; they were committed here. */
  refused = 0;
  /** It is not known what the writer did. Those with a request id were repeated here. */
  unknown = 0;
  /** From other replicas. */
  received = 0;
}
