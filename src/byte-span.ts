/** The bytes of `buffer` from `start` to `end`. */
export interface ByteSpan {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}
