import {
  create,
  type DescMessage,
  fromJson,
  fromJsonString,
  type JsonObject,
  type MessageInitShape,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import {
  BatchGetRequestSchema,
  BatchGetResponseSchema,
  CommitRequestSchema,
  CommitResponseSchema,
  DeleteRequestSchema,
  DeleteResponseSchema,
  EntrySchema,
  GetRequestSchema,
  GetResponseSchema,
  HistoryRequestSchema,
  HistoryResponseSchema,
  ListRequestSchema,
  ListResponseSchema,
  type Precondition,
  PutRequestSchema,
  PutResponseSchema,
  TouchRequestSchema,
  TouchResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { CallFailure, type KeyValueClient } from "./key-value-client.ts";
import { type Answer, openResponse, request as sendRequest } from "./rest-request.ts";
import { readEvents } from "./server-sent-events.ts";

/** How single values and their conditions travel: in JSON, or as raw bodies and headers. */
export type RestStyle = "json" | "raw";

const json = { accept: "application/json" };

/** REST as a person would use it, with nothing of ours but the message types. */
export function createRestClient(origin: string, style: RestStyle): KeyValueClient {
  async function send(method: string, target: string, headers = {}, body: string | Uint8Array = "") {
    const answer = await sendRequest(origin, method, target, headers, body);
    if (answer.status >= 400) throw toCallFailure(answer.body);
    return answer;
  }

  async function post<Input extends DescMessage, Output extends DescMessage>(
    target: string,
    input: Input,
    output: Output,
    init: MessageInitShape<Input>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<MessageShape<Output>> {
    const body = JSON.stringify(toJson(input, create(input, init)));
    const answer = await send("POST", target, { "content-type": "application/json", ...headers }, body);
    return fromJsonString(output, answer.body.toString());
  }

  return {
    async put(init) {
      const put = create(PutRequestSchema, init);
      const { key: _key, ...fields } = toJson(PutRequestSchema, put) as JsonObject;
      const target = keyTarget(put.key);
      if (style === "json") {
        const headers = { ...json, "content-type": "application/json" };
        const answer = await send("PUT", target, headers, JSON.stringify(fields));
        return fromJsonString(PutResponseSchema, answer.body.toString());
      }
      const headers = {
        "content-type": put.bytesValue === undefined ? "text/plain" : "application/octet-stream",
        ...writeHeaders(put),
      };
      const query = put.ttl === undefined ? "" : `?ttl=${fields.ttl as string}`;
      const body = put.bytesValue ?? put.value ?? "";
      if (put.requestId.length > 0) {
        // The response to a repeat tells of the first put, not of the entry as it is now.
        const repeatable = await send("PUT", `${target}${query}`, { ...headers, ...json }, body);
        return fromJsonString(PutResponseSchema, repeatable.body.toString());
      }
      const answer = await send("PUT", `${target}${query}`, headers, body);
      const { value: _value, bytesValue: _bytesValue, ...entry } = await getEntry(target);
      if (answer.headers.etag !== `"${entry.revision}"`)
        throw new Error("the entity tag is not the revision");
      return create(PutResponseSchema, { revision: storeRevision(answer), entry });
    },

    async get(init) {
      const get = create(GetRequestSchema, init);
      const { key: _key, ...fields } = toJson(GetRequestSchema, get) as JsonObject;
      const target = `${keyTarget(get.key)}${toQuery(fields)}`;
      if (style === "json") {
        const answer = await send("GET", target, json);
        const entry = fromJsonString(EntrySchema, answer.body.toString());
        return create(GetResponseSchema, { revision: storeRevision(answer), entry });
      }
      const answer = await send("GET", target);
      const { value: _value, bytesValue: _bytesValue, ...entry } = await getEntry(target);
      if (answer.headers.etag !== `"${entry.revision}"`)
        throw new Error("the entity tag is not the revision");
      const isText = answer.headers["content-type"] === "text/plain; charset=utf-8";
      const value = isText ? { value: answer.body.toString() } : { bytesValue: new Uint8Array(answer.body) };
      return create(GetResponseSchema, { revision: storeRevision(answer), entry: { ...entry, ...value } });
    },

    async delete(init) {
      const request = create(DeleteRequestSchema, init);
      const { key: _key, ...fields } = toJson(DeleteRequestSchema, request) as JsonObject;
      const headers = style === "raw" ? writeHeaders(request) : {};
      const query = style === "raw" ? "" : toQuery(fields);
      const answer = await send("DELETE", `${keyTarget(request.key)}${query}`, { ...json, ...headers });
      return fromJsonString(DeleteResponseSchema, answer.body.toString());
    },

    touch(init) {
      const request = create(TouchRequestSchema, init);
      const { $typeName: _type, precondition: _precondition, requestId: _requestId, ...rest } = request;
      return style === "json"
        ? post("/v1/key:touch", TouchRequestSchema, TouchResponseSchema, request)
        : post("/v1/key:touch", TouchRequestSchema, TouchResponseSchema, rest, writeHeaders(request));
    },

    async list(init) {
      const query = toQuery(toJson(ListRequestSchema, create(ListRequestSchema, init)) as JsonObject);
      return fromJsonString(ListResponseSchema, (await send("GET", `/v1/key${query}`)).body.toString());
    },

    async history(init) {
      const query = toQuery(toJson(HistoryRequestSchema, create(HistoryRequestSchema, init)) as JsonObject);
      const answer = await send("GET", `/v1/key:history${query}`);
      return fromJsonString(HistoryResponseSchema, answer.body.toString());
    },

    batchGet: (init) => post("/v1/key:batchGet", BatchGetRequestSchema, BatchGetResponseSchema, init),
    commit(init) {
      const request = create(CommitRequestSchema, init);
      const { $typeName: _type, requestId: _requestId, ...rest } = request;
      return style === "json"
        ? post("/v1/key:commit", CommitRequestSchema, CommitResponseSchema, request)
        : post("/v1/key:commit", CommitRequestSchema, CommitResponseSchema, rest, writeHeaders(request));
    },

    async *watch(init, signal) {
      const query = toQuery(toJson(WatchRequestSchema, create(WatchRequestSchema, init)) as JsonObject);
      try {
        const response = await openResponse(origin, "GET", `/v1/key:watch${query}`, {}, "", signal);
        if (response.statusCode !== 200) throw toCallFailure(Buffer.concat(await Array.fromAsync(response)));
        for await (const { event, data } of readEvents(response)) {
          if (event === "end") throw toCallFailure(Buffer.from(data));
          yield fromJsonString(WatchResponseSchema, data);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },

    close() {},
  };

  async function getEntry(target: string) {
    const answer = await send("GET", target, json);
    return fromJson(EntrySchema, JSON.parse(answer.body.toString()));
  }
}

function keyTarget(key: string): string {
  return `/v1/key/${encodeURIComponent(key)}`;
}

/** Nested fields are written with dots. */
function toQuery(fields: JsonObject, path = ""): string {
  const one = (name: string, value: unknown) => `${path}${name}=${encodeURIComponent(String(value))}`;
  const parameters = Object.entries(fields).flatMap(([name, value]): string[] => {
    if (Array.isArray(value)) return value.map((each) => one(name, each));
    return typeof value === "object" && value !== null
      ? [toQuery(value, `${path}${name}.`).slice(1)]
      : [one(name, value)];
  });
  return parameters.length === 0 ? "" : `?${parameters.join("&")}`;
}

/** The headers that say what must hold, and under which id a write can be repeated. */
function writeHeaders(request: {
  readonly precondition?: Precondition | undefined;
  readonly requestId: Uint8Array;
}): Record<string, string> {
  const { precondition, requestId } = request;
  if (requestId.length === 0) return conditionHeaders(precondition);
  const digits = Buffer.from(requestId).toString("hex");
  const key = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return { ...conditionHeaders(precondition), "idempotency-key": key };
}

function conditionHeaders(precondition: Precondition | undefined): Record<string, string> {
  const condition = precondition?.condition;
  if (condition?.case === "revision") return { "if-match": `"${condition.value}"` };
  if (condition?.case === "exists") return condition.value ? { "if-match": "*" } : { "if-none-match": "*" };
  return {};
}

function storeRevision({ headers }: Answer): bigint {
  return BigInt(String(headers["duetkv-revision"]));
}

function toCallFailure(body: Buffer): CallFailure {
  const error = JSON.parse(body.toString());
  const info = error.details?.[0]?.debug;
  return new CallFailure(error.code, info?.reason ?? "", info?.metadata ?? {}, error);
}
