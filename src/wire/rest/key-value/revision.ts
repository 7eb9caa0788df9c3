const revisionMax = 2n ** 63n - 1n;

/** A revision from its digits; undefined for other characters and for more than an int64 holds. */
export function parseRevision(digits: string | undefined): bigint | undefined {
  if (digits === undefined || !/^(?:0|[1-9]\d{0,18})$/.test(digits)) return undefined;
  const revision = BigInt(digits);
  return revision > revisionMax ? undefined : revision;
}
