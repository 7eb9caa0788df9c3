import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  BatchGetRequestSchema,
  BatchGetResponse,
  CommitRequestSchema,
  CommitResponse,
  DeleteRequestSchema,
  DeleteResponse,
  GetRequestSchema,
  GetResponse,
  HistoryRequestSchema,
  HistoryResponse,
  ListRequestSchema,
  ListResponse,
  PutRequestSchema,
  PutResponse,
  TouchRequestSchema,
  TouchResponse,
  WatchRequestSchema,
  WatchResponse,
} from "../../gen/duetkv/v1/key_value_pb.ts";

/** The service as every protocol's client shows it to the shared suite. All calls reject with CallFailure. */
export interface KeyValueClient {
  put(request: MessageInitShape<typeof PutRequestSchema>): Promise<PutResponse>;
  get(request: MessageInitShape<typeof GetRequestSchema>): Promise<GetResponse>;
  delete(request: MessageInitShape<typeof DeleteRequestSchema>): Promise<DeleteResponse>;
  touch(request: MessageInitShape<typeof TouchRequestSchema>): Promise<TouchResponse>;
  list(request: MessageInitShape<typeof ListRequestSchema>): Promise<ListResponse>;
  history(request: MessageInitShape<typeof HistoryRequestSchema>): Promise<HistoryResponse>;
  batchGet(request: MessageInitShape<typeof BatchGetRequestSchema>): Promise<BatchGetResponse>;
  commit(request: MessageInitShape<typeof CommitRequestSchema>): Promise<CommitResponse>;
  /** Ends when the signal aborts. */
  watch(
    request: MessageInitShape<typeof WatchRequestSchema>,
    signal: AbortSignal,
  ): AsyncIterable<WatchResponse>;
  close(): void;
}

/** How a call fails, in the words of the error table. */
export class CallFailure extends Error {
  /** As in Connect: "not_found". */
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(code: string, reason: string, metadata: Readonly<Record<string, string>>, cause: unknown) {
    super(`${code} ${reason}`, { cause });
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
  }
}
