import { Format1Decoder } from "../../codec/format-1-decoder.ts";
import { TransactionDecoder } from "../../codec/transaction-decoder.ts";
import { type FrameKind, frameKinds } from "./frame.ts";

export interface EncodedTransactions {
  /** Of the format of the file. */
  readonly version: number;
  readonly kind: FrameKind;
  readonly firstSequence: number;
  readonly payload: Buffer;
}

/** Decodes the transactions of a frame, one by one, in the format of the file that it is in. */
export function payloadDecoder(frame: EncodedTransactions): Format1Decoder | TransactionDecoder {
  const { version, kind, firstSequence, payload } = frame;
  const basis = firstSequence - 1;
  if (version > 1) return new TransactionDecoder(payload, basis);
  return new Format1Decoder(payload, kind === frameKinds.transactions ? basis : undefined);
}
