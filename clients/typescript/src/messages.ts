// The messages of the contract as JSON carries them: an int64 is a string of digits, bytes are base64, a duration is "60s".
// Fields that have their default may be missing.

export interface EntryMessage {
  readonly key: string;
  readonly value?: string;
  readonly bytesValue?: string;
  readonly revision?: string;
  readonly createRevision?: string;
  readonly version?: string;
  readonly updateTime?: string;
  readonly expireTime?: string;
}

export interface EventMessage {
  readonly type: "PUT" | "DELETE";
  readonly entry: EntryMessage;
  readonly previous?: EntryMessage;
  readonly expired?: boolean;
}

export type PreconditionMessage = { readonly revision: number } | { readonly exists: boolean };

export interface EntryResponse {
  readonly revision: string;
  readonly entry: EntryMessage;
}

export interface DeleteResponse {
  readonly revision: string;
  readonly deleted?: boolean;
}

export interface BatchGetResponse {
  readonly revision: string;
  readonly entries?: readonly EntryMessage[];
}

export interface ListResponse {
  readonly revision: string;
  readonly entries?: readonly EntryMessage[];
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
  readonly count?: string;
}

export interface CommitResponse {
  readonly revision: string;
  readonly results?: readonly { readonly entry?: EntryMessage; readonly deleted?: boolean }[];
}

export interface HistoryResponse {
  readonly events?: readonly EventMessage[];
  readonly nextPageToken?: string;
}

export interface WatchResponse {
  readonly revision: string;
  readonly events?: readonly EventMessage[];
  readonly existing?: readonly EntryMessage[];
  readonly existingEnd?: boolean;
  readonly resumeRevision?: string;
}
