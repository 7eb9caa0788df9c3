// The messages of the contract in JSON: an int64 is a string of digits, bytes are Base64. The server sends every
// field, also default values. Commands print messages unchanged.

export interface Entry {
  readonly key: string;
  /** Neither `value` nor `bytesValue` is set in responses without values. */
  readonly value?: string;
  readonly bytesValue?: string;
  readonly revision: string;
  readonly createRevision: string;
  readonly version: string;
  /** RFC 3339. */
  readonly updateTime?: string;
  readonly expireTime?: string;
}

export interface GetResponse {
  readonly entry: Entry;
}

export interface PutRequest {
  readonly key: string;
  /** Either this or `bytesValue`. */
  readonly value?: string | undefined;
  readonly bytesValue?: string | undefined;
  readonly ttl?: string | undefined;
  readonly precondition?: Precondition | undefined;
}

export type Precondition = { readonly exists: boolean } | { readonly revision: string };

export interface WriteResponse {
  readonly revision: string;
}

export interface DeleteResponse {
  readonly revision: string;
  readonly deleted: boolean;
}

export interface ListResponse {
  readonly revision: string;
  readonly entries: readonly Entry[];
  readonly prefixes: readonly string[];
  readonly nextPageToken: string;
  readonly count: string;
}

export interface Event {
  readonly type: "PUT" | "DELETE";
  readonly entry: Entry;
  readonly previous?: Entry;
  readonly expired: boolean;
}

export interface WatchResponse {
  readonly revision: string;
  readonly events: readonly Event[];
  readonly existing: readonly Entry[];
  readonly existingEnd: boolean;
  readonly resumeRevision?: string;
}

export interface BatchGetResponse {
  readonly revision: string;
  readonly entries: readonly Entry[];
}

export interface CommitResponse {
  readonly revision: string;
  /** One result for each mutation. */
  readonly results: readonly { readonly entry?: Entry; readonly deleted: boolean }[];
}

export interface HistoryResponse {
  readonly revision: string;
  /** The newest first. */
  readonly events: readonly Event[];
  readonly nextPageToken: string;
  readonly oldestRevision: string;
}

export interface TouchResponse {
  readonly revision: string;
  readonly entry: Entry;
}
