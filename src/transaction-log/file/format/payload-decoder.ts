import { Format1Decoder } from "../../codec/format-1-decoder.ts";
import { TransactionDecoder } from "../../codec/transaction-decoder.ts";
import { type FrameKind, frameKinds } from "./frame.ts";

export interface EncodedTransactions {
  /** The format version of the file. */
  readonly version: number;
  readonly kind: FrameKind;
  readonly firstSequence: number;
  readonly payload: Buffer;
}

/** A decoder for the transactions of a frame, in the format of its file. */
export function payloadDecoder(frame: EncodedTransactions): Format1Decoder | TransactionDecoder {
  const { version, kind, firstSequence, payload } = frame;
  const basis = firstSequence - 1;
  if (version > 1) return new TransactionDecoder(payload, basis);
  return new Format1Decoder(payload, kind === frameKinds.transactions ? basis : undefined);
}
