import type { ByteReader } from "./byte-reader.ts";

/** The bytes are intact, but their format belongs to a later release. */
export class UnknownFormatError extends Error {}

/** Skips all fields of `of`, none of which is known. Throws RangeError, and UnknownFormatError for an odd number. */
export function skipFields(reader: ByteReader, of: string): void {
  for (let number = reader.number(); number !== 0; number = reader.number()) {
    skipField(reader, of, number, reader.length() + reader.offset);
  }
}

/** Skips the field `number`, which ends at `end`. */
export function skipField(reader: ByteReader, of: string, number: number, end: number): void {
  if (number % 2 === 1) throw new UnknownFormatError(`field ${number} of ${of}`);
  reader.offset = end;
}
