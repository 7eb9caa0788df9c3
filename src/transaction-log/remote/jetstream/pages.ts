import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node";

/** A message of a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly position: number;
  /** Milliseconds since 1970 UTC, by the clock of the stream's leader. */
  readonly time: number;
  readonly bytes: Buffer;
}

/** What to read: messages of a subject from a position on. */
export interface PageQuery {
  readonly seq: number;
  readonly next_by_subj: string;
}

/** The messages of a subject, with wildcards, right after a position. */
export function pageAfter(after: number, subject: string): PageQuery {
  return { seq: after + 1, next_by_subj: subject };
}

const limits = { batch: 1_000, max_bytes: 1024 * 1024 };

/** Of an error; with the same code 404 there is 10059, no such stream. */
const noMessageFound = 10037;

/** Longest silence within a response, in milliseconds. */
const silenceMs = 3_000;

/**
 * Reads the next messages of a stream from any of its copies: at least one, if the copy has any, and about a MiB. Rejects
 * when no copy responds.
 */
export async function readPage(
  connection: NatsConnection,
  stream: string,
  query: PageQuery | { readonly multi_last: readonly string[] },
): Promise<readonly StoredMessage[]> {
  const inbox = createInbox();
  const messages: StoredMessage[] = [];
  const ended = Promise.withResolvers<void>();
  const timer = setTimeout(() => ended.reject(new Error(`no response from stream ${stream}`)), silenceMs);
  const subscription = connection.subscribe(inbox, {
    callback(error, message) {
      timer.refresh();
      const code = message?.headers?.code ?? 0;
      if (error) ended.reject(error);
      else if (code === 0) messages.push(toStored(message));
      // 204 ends a page, 404 is an empty one. In a page, it is a message that another one has replaced meanwhile.
      else if (code === 204 || (code === 404 && messages.length === 0)) ended.resolve();
      else ended.reject(new Error(`stream ${stream}: ${code} ${message.headers?.description}`));
    },
  });
  try {
    const request = { ...query, ...limits };
    connection.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(request), { reply: inbox });
    await ended.promise;
    return messages;
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
  }
}

function toStored({ headers, data }: Msg): StoredMessage {
  return {
    subject: headers?.get("Nats-Subject") ?? "",
    position: Number(headers?.get("Nats-Sequence")),
    time: Date.parse(headers?.get("Nats-Time-Stamp") ?? ""),
    bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** Reads the next message, or the last one of a subject, through the leader of the stream. Rejects with the client's error. */
export async function readThroughLeader(
  connection: NatsConnection,
  stream: string,
  query: PageQuery | { readonly last_by_subj: string },
): Promise<readonly StoredMessage[]> {
  const response = await connection.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify(query), {
    timeout: 5_000,
  });
  const { message, error } = response.json<LeaderResponse>();
  if (message !== undefined) {
    const { subject, seq, data, time } = message;
    return [{ subject, position: seq, time: Date.parse(time), bytes: Buffer.from(data ?? "", "base64") }];
  }
  if (error?.err_code === noMessageFound) return [];
  throw new Error(`stream ${stream}: ${error?.err_code} ${error?.description}`);
}

interface LeaderResponse {
  readonly message?: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly data?: string;
  };
  readonly error?: { readonly err_code: number; readonly description: string };
}
