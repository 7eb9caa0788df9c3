import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Reason } from "../../reasons.ts";

/** A response, ready to be written. `content-length` is added to it. */
export interface RestResponse {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Uint8Array;
}

/**
 * What one method does otherwise than google.api.http says, as long as it is reached by REST. Every part may be left out.
 * What a part throws is answered as an error of the call.
 */
export interface RestConvention<Request extends Message = Message, Response extends object = object> {
  /** The reason given when a variable of the path is not percent-encoded UTF-8. Default: REQUEST_MALFORMED. */
  readonly pathReason?: Reason;
  /** Added to the message when a JSON body is not understood. */
  readonly jsonHint?: string;
  /** Whether the body is to be given to `readRawBody`, and query parameters are allowed beside it. */
  readonly takesRawBody?: (headers: IncomingHttpHeaders) => boolean;
  /** The fields that a raw body sets, which the query therefore must not. */
  readonly rawBodyFields?: readonly string[];
  readonly readRawBody?: (request: Request, body: Buffer, headers: IncomingHttpHeaders) => void;
  /** Sees the request last, when path, query and body are in it. */
  readonly readHeaders?: (request: Request, headers: IncomingHttpHeaders) => void;
  /** Makes the response, from what the handler made. `json` writes the response as it would be without a convention. */
  readonly respond?: (response: Response, headers: IncomingHttpHeaders, json: () => string) => RestResponse;
  /** Another status than the table's; undefined: the table's. */
  readonly errorStatus?: (error: ConnectError, headers: IncomingHttpHeaders) => number | undefined;
  /** The part of the body that a message of a stream is; without it the stream is one of Server-Sent Events. */
  readonly streamBytes?: (response: Response) => Uint8Array;
  /** The `id:` of a message in an event stream; undefined: none. */
  readonly eventId?: (response: Response) => string | undefined;
}

/** Conventions by method: `package.Service.Method`. */
export type RestConventions = ReadonlyMap<string, RestConvention>;
