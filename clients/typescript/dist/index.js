// src/errors.ts
var DuetError = class extends Error {
  code;
  reason;
  outcome;
  metadata;
  retryAfterMs;
  constructor(details, cause) {
    super(details.message, { cause });
    this.name = new.target.name;
    this.code = details.code;
    this.reason = details.reason;
    this.outcome = details.outcome;
    this.metadata = details.metadata;
    this.retryAfterMs = details.retryAfterMs;
  }
};
var ConflictError = class extends DuetError {
  /** The revision of the entry now; 0 if there is none. */
  get currentRevision() {
    return Number(this.metadata["current_revision"] ?? 0);
  }
};
var UnknownOutcomeError = class extends DuetError {
};
var TimeoutError = class extends DuetError {
};
var UnauthenticatedError = class extends DuetError {
};
var ForbiddenError = class extends DuetError {
  get right() {
    return this.metadata["right"];
  }
  get key() {
    return this.metadata["key"];
  }
  /** The prefixes in which the identity has the right. */
  get permittedPrefixes() {
    const prefixes = this.metadata["permitted_prefixes"];
    return prefixes === void 0 ? [] : JSON.parse(prefixes);
  }
};
var LimitError = class extends DuetError {
};
var UnavailableError = class extends DuetError {
};
var HistoryGoneError = class extends DuetError {
};
var CodecError = class extends Error {
  key;
  constructor(key, message, cause) {
    super(`the value of ${JSON.stringify(key)}: ${message}`, { cause });
    this.name = "CodecError";
    this.key = key;
  }
};
var classes = {
  aborted: ConflictError,
  already_exists: ConflictError,
  deadline_exceeded: TimeoutError,
  unauthenticated: UnauthenticatedError,
  permission_denied: ForbiddenError,
  resource_exhausted: LimitError,
  unavailable: UnavailableError,
  out_of_range: HistoryGoneError
};
function createError(details, cause) {
  const { code, outcome } = details;
  const isUnknown = outcome === "unknown" && code !== "deadline_exceeded";
  return new (isUnknown ? UnknownOutcomeError : classes[code] ?? DuetError)(details, cause);
}
var transientReasons = /* @__PURE__ */ new Set([
  "OVERLOADED",
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "RATE_LIMITED",
  "REVISION_NOT_REACHED",
  "DATABASE_WENT_BACK_IN_TIME"
]);
function isTransient({ code, reason }) {
  return code === "unavailable" || transientReasons.has(reason);
}
function outcomeOf(code, reason) {
  const open = ["unavailable", "deadline_exceeded", "canceled", "internal", "unknown"];
  return open.includes(code) && !transientReasons.has(reason) ? "unknown" : "nothing";
}

// src/credentials.ts
var Credentials = class {
  #ask;
  #token;
  constructor(ask) {
    this.#ask = ask;
  }
  /** Rejects with DuetError when there is none to be had. */
  async get() {
    if (this.#ask === void 0) return void 0;
    const token = this.#token ??= (async (ask) => ask())(this.#ask);
    try {
      return await token;
    } catch (error) {
      this.#forget(token);
      const message = `no credentials: ${error.message}`;
      const details = {
        code: "unauthenticated",
        reason: "",
        message,
        outcome: "nothing",
        metadata: {}
      };
      throw createError(details, error);
    }
  }
  /** Whether a call that failed may be made once more, with new credentials. */
  mayRenew(error) {
    const refused = this.#token;
    if (refused === void 0 || !(error instanceof DuetError) || error.code !== "unauthenticated")
      return false;
    this.#forget(refused);
    return true;
  }
  /** Calls that fail together must not each ask for a new one. */
  #forget(token) {
    if (this.#token === token) this.#token = void 0;
  }
};

// src/pause.ts
function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

// src/request-id.ts
var toleranceMs = 6e4;
var RequestIds = class {
  /** Clock of the server less that of this process, once they are known to differ. */
  #offsetMs = 0;
  /** A UUIDv7 (RFC 9562) as base64. */
  next() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const view = new DataView(bytes.buffer);
    const now = Date.now() + this.#offsetMs;
    view.setUint32(0, Math.floor(now / 2 ** 16));
    view.setUint16(4, now % 2 ** 16);
    view.setUint8(6, view.getUint8(6) & 15 | 112);
    view.setUint8(8, view.getUint8(8) & 63 | 128);
    return btoa(String.fromCharCode(...bytes));
  }
  /** Learns the time of the server from an entry that it has just written. */
  observe(updateTime) {
    if (updateTime === void 0) return;
    const offset = Date.parse(updateTime) - Date.now();
    if (Math.abs(offset - this.#offsetMs) > toleranceMs) this.#offsetMs = offset;
  }
};

// src/caller.ts
var tokensMax = 10;
var Caller = class {
  timeoutMs;
  /** Aborted when the client is closed. */
  signal;
  onEvent;
  #transport;
  #urls;
  #retry;
  #credentials;
  #requestIds = new RequestIds();
  #server = 0;
  #tokens;
  constructor(transport, signal, options) {
    const { url, timeoutMs = 5e3, retry = {}, credentials, onEvent = () => {
    } } = options;
    this.timeoutMs = timeoutMs;
    this.signal = signal;
    this.onEvent = onEvent;
    this.#transport = transport;
    this.#urls = typeof url === "string" ? [url] : url;
    if (this.#urls.length === 0) throw new TypeError("url is empty");
    this.#retry = { baseMs: 50, maxMs: 2e3, budget: 0.1, ...retry === false ? { budget: 0 } : retry };
    this.#tokens = retry === false ? 0 : tokensMax;
    this.#credentials = new Credentials(credentials);
  }
  /** A call that changes nothing. Rejects with DuetError. */
  async read(method, message, options = {}) {
    try {
      return await this.#retrying(method, message, options);
    } catch (error) {
      throw withOutcome(error, "nothing");
    }
  }
  /** A call that changes something: its request id makes it happen once, however often it is sent. Rejects with DuetError. */
  async write(method, message, options = {}) {
    const exact = { ...message, requestId: this.#requestIds.next() };
    let response;
    try {
      response = await this.#retrying(method, exact, options);
    } catch (error) {
      if (!isWrongTime(error) || error.outcome === "unknown") throw error;
      response = await this.#attempt(method, message, options, options.timeoutMs ?? this.timeoutMs);
    }
    const { entry, results } = response;
    if (method !== "Touch") this.#requestIds.observe((entry ?? results?.[0]?.entry)?.updateTime);
    return response;
  }
  /** One try of a stream, which ends when the server ends it, and throws DuetError. */
  async *stream(method, message, signal) {
    for (let isRenewed = false; ; isRenewed = true) {
      try {
        const call = await this.#toCall(method, message, this.timeoutMs, signal);
        for await (const each of this.#transport.stream(call)) yield each;
        return;
      } catch (error) {
        if (isRenewed || !this.#credentials.mayRenew(error)) throw error;
      }
    }
  }
  /** The next call goes to the next server. */
  useNextServer() {
    this.#server = (this.#server + 1) % this.#urls.length;
  }
  /** The pause before the try after so many failures in a row: longer each time, and never the same for all clients. */
  backoffMs(failures) {
    const { baseMs, maxMs } = this.#retry;
    return Math.min(baseMs * 2 ** (failures - 1), maxMs) * (0.5 + Math.random() / 2);
  }
  close() {
    return this.#transport.close?.();
  }
  async #retrying(method, message, options) {
    const end = performance.now() + (options.timeoutMs ?? this.timeoutMs);
    this.#tokens = Math.min(this.#tokens + this.#retry.budget, tokensMax);
    let isOpen = false;
    for (let failures = 1; ; failures++) {
      const leftMs = Math.max(end - performance.now(), 1);
      const mayRetry = this.#tokens >= 1;
      const tryMs = mayRetry && this.#urls.length > 1 ? leftMs / 2 : leftMs;
      try {
        return await this.#attempt(method, message, options, tryMs);
      } catch (error) {
        if (!(error instanceof DuetError)) throw error;
        isOpen ||= error.outcome === "unknown";
        const hasTime = error.code === "deadline_exceeded" && tryMs < leftMs;
        if (!isTransient(error) && !hasTime) {
          throw isOpen && isWrongTime(error) ? withOutcome(error, "unknown") : error;
        }
        const pauseMs = Math.max(error.retryAfterMs ?? 0, this.#pauseMs(failures));
        if (!mayRetry || performance.now() + pauseMs >= end) {
          throw withOutcome(error, isOpen ? "unknown" : "nothing");
        }
        this.#tokens--;
        this.onEvent({ type: "retry", method, error, pauseMs });
        this.useNextServer();
        await pause(pauseMs, this.#signalOf(options));
      }
    }
  }
  /** Every server is tried at once before the first pause. */
  #pauseMs(failures) {
    const rounds = failures / this.#urls.length;
    return Number.isInteger(rounds) ? this.backoffMs(rounds) : 0;
  }
  async #attempt(method, message, options, timeoutMs) {
    for (let isRenewed = false; ; isRenewed = true) {
      try {
        const call = await this.#toCall(method, message, timeoutMs, this.#signalOf(options));
        return await this.#transport.unary(call);
      } catch (error) {
        if (isRenewed || !this.#credentials.mayRenew(error)) throw error;
      }
    }
  }
  async #toCall(name, message, timeoutMs, signal) {
    const url = this.#urls[this.#server];
    const method = name.includes("/") ? name : `duetkv.v1.KeyValueService/${name}`;
    return { url, method, message, token: await this.#credentials.get(), timeoutMs, signal };
  }
  #signalOf({ signal }) {
    return signal === void 0 ? this.signal : AbortSignal.any([signal, this.signal]);
  }
};
function isWrongTime(error) {
  return error instanceof DuetError && ["REQUEST_ID_EXPIRED", "REQUEST_ID_INVALID"].includes(error.reason);
}
function withOutcome(error, outcome) {
  if (!(error instanceof DuetError) || error.outcome === outcome) return error;
  const { code, reason, message, metadata, retryAfterMs } = error;
  return createError({ code, reason, message, metadata, retryAfterMs, outcome }, error.cause);
}

// src/error-response.ts
var codeOfStatus = {
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable"
};
function toError(error) {
  const code = String(error.code);
  const details = Array.isArray(error.details) ? error.details : [];
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo")?.debug;
  const delay = details.find(({ type }) => type === "google.rpc.RetryInfo")?.debug?.retryDelay;
  const reason = info?.reason ?? "";
  return createError({
    code,
    reason,
    message: typeof error.message === "string" ? error.message : code,
    outcome: outcomeOf(code, reason),
    metadata: info?.metadata ?? {},
    retryAfterMs: delay === void 0 ? void 0 : Number.parseFloat(delay) * 1e3
  });
}
async function readError(response) {
  const text = await response.text();
  let error = parse(text);
  if (typeof error?.["code"] !== "string") {
    const code = codeOfStatus[response.status] ?? "unknown";
    error = { code, message: `the server responded with HTTP status ${response.status}` };
  }
  return toError(error);
}
function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : void 0;
  } catch {
    return void 0;
  }
}

// src/envelope.ts
var headerBytes = 5;
var endFlag = 2;
function encodeEnvelope(message) {
  const json = new TextEncoder().encode(JSON.stringify(message));
  const bytes = new Uint8Array(headerBytes + json.length);
  new DataView(bytes.buffer).setUint32(1, json.length);
  bytes.set(json, headerBytes);
  return bytes;
}
async function* readEnvelopes(body) {
  const reader = body.getReader();
  let rest = new Uint8Array();
  async function take(length) {
    const pieces = [rest];
    for (let held = rest.length; held < length; ) {
      const { done, value } = await reader.read();
      if (done) throw new Error("the stream ended without an end");
      pieces.push(value);
      held += value.length;
    }
    const bytes = pieces.length === 1 ? rest : join(pieces);
    rest = bytes.subarray(length);
    return bytes.subarray(0, length);
  }
  try {
    for (; ; ) {
      const header = await take(headerBytes);
      const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
      const message = JSON.parse(new TextDecoder().decode(await take(length)));
      if ((header[0] & endFlag) === 0) {
        yield message;
        continue;
      }
      if (message.error !== void 0) throw toError(message.error);
      return;
    }
  } finally {
    reader.cancel().catch(() => {
    });
  }
}
function join(pieces) {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

// src/fetch-transport.ts
var fetchTransport = {
  async unary(call) {
    const deadline = new Deadline(call);
    try {
      const body = JSON.stringify(call.message);
      const response = await send(call, deadline.signal, "application/json", body);
      return await response.json();
    } catch (error) {
      throw deadline.toError(error);
    } finally {
      deadline.end();
    }
  },
  async *stream(call) {
    const deadline = new Deadline(call);
    try {
      const body = encodeEnvelope(call.message);
      const response = await send(call, deadline.signal, "application/connect+json", body);
      for await (const message of readEnvelopes(response.body)) {
        deadline.clear();
        yield message;
      }
    } catch (error) {
      throw deadline.toError(error);
    } finally {
      deadline.end();
    }
  }
};
async function send({ url, method, token, timeoutMs }, signal, type, body) {
  const headers = { "content-type": type, "connect-protocol-version": "1" };
  if (type === "application/json") headers["connect-timeout-ms"] = String(Math.ceil(timeoutMs));
  if (token !== void 0) headers["authorization"] = `Bearer ${token}`;
  const target = `${url.replace(/\/$/, "")}/${method}`;
  const response = await fetch(target, { method: "POST", headers, body, signal });
  if (response.status !== 200) throw await readError(response);
  return response;
}
var Deadline = class {
  #call;
  #controller = new AbortController();
  #abort = () => this.#controller.abort();
  #timer;
  #isOver = false;
  constructor(call) {
    this.#call = call;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#abort();
    }, call.timeoutMs);
    call.signal.addEventListener("abort", this.#abort);
    if (call.signal.aborted) this.#abort();
  }
  get signal() {
    return this.#controller.signal;
  }
  /** The stream has begun, and may last. */
  clear() {
    clearTimeout(this.#timer);
  }
  /** The try is over. */
  end() {
    this.clear();
    this.#call.signal.removeEventListener("abort", this.#abort);
  }
  toError(error) {
    if (error instanceof DuetError) return error;
    const { timeoutMs, url, signal } = this.#call;
    if (this.#isOver) {
      const message2 = `no response from ${url} within ${Math.ceil(timeoutMs)} ms`;
      return toLost("deadline_exceeded", message2, "unknown", error);
    }
    if (signal.aborted) return toLost("canceled", "the call was aborted", "unknown", error);
    const { message, cause } = error;
    const isRefused = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"].includes(cause?.code ?? "");
    return toLost(
      "unavailable",
      `cannot reach ${url}: ${cause?.code ?? message}`,
      isRefused ? "nothing" : "unknown",
      error
    );
  }
};
function toLost(code, message, outcome, cause) {
  return createError({ code, reason: "", message, outcome, metadata: {} }, cause);
}

// src/get-batch.ts
var keysMax = 1e3;
var keyCodes = /* @__PURE__ */ new Set(["invalid_argument", "permission_denied", "resource_exhausted"]);
var GetBatch = class {
  #caller;
  /** By what they have in common beside the key. */
  #waiting = /* @__PURE__ */ new Map();
  constructor(caller) {
    this.#caller = caller;
  }
  /** Resolves with the entry of a whole key. `read` is what else the request has. */
  get(key, read) {
    const kind = JSON.stringify(read);
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(kind);
      if (waiting !== void 0) {
        waiting.push({ key, resolve, reject });
        return;
      }
      this.#waiting.set(kind, [{ key, resolve, reject }]);
      queueMicrotask(() => this.#send(kind, read));
    });
  }
  #send(kind, read) {
    const all = this.#waiting.get(kind);
    this.#waiting.delete(kind);
    const byKey = /* @__PURE__ */ new Map();
    for (const each of all) byKey.set(each.key, [...byKey.get(each.key) ?? [], each]);
    const keys = [...byKey];
    for (let start = 0; start < keys.length; start += keysMax) {
      void this.#settle(keys.slice(start, start + keysMax), read);
    }
  }
  async #settle(keys, read) {
    try {
      const found = await this.#read(
        keys.map(([key]) => key),
        read
      );
      for (const [key, waiting] of keys) for (const { resolve } of waiting) resolve(found.get(key));
    } catch (error) {
      if (keys.length > 1 && error instanceof DuetError && keyCodes.has(error.code)) {
        const half = Math.ceil(keys.length / 2);
        await Promise.all([this.#settle(keys.slice(0, half), read), this.#settle(keys.slice(half), read)]);
        return;
      }
      for (const [, waiting] of keys) for (const { reject } of waiting) reject(error);
    }
  }
  async #read(keys, read) {
    if (keys.length > 1) {
      const { entries = [] } = await this.#caller.read("BatchGet", { keys, ...read });
      return new Map(entries.map((entry2) => [entry2.key, entry2]));
    }
    const entry = await readOne(this.#caller, keys[0], read);
    return new Map(entry === void 0 ? [] : [[entry.key, entry]]);
  }
};
async function readOne(caller, key, read, options = {}) {
  try {
    return (await caller.read("Get", { key, ...read }, options)).entry;
  } catch (error) {
    if (error instanceof DuetError && error.reason === "NO_SUCH_KEY") return void 0;
    throw error;
  }
}

// src/key-bounds.ts
function toListRange(scope, range) {
  if ("prefix" in range) return { prefix: scope + range.prefix };
  if (range.start === void 0 && range.end === void 0) return { prefix: scope };
  const end = range.end === void 0 ? successor(scope) : scope + range.end;
  return { start: scope + (range.start ?? ""), ...end !== void 0 && { end } };
}
function successor(prefix) {
  const points = Array.from(prefix, (character) => character.codePointAt(0));
  while (points.at(-1) === 1114111) points.pop();
  const last = points.pop();
  if (last === void 0) return void 0;
  return String.fromCodePoint(...points, last === 55295 ? 57344 : last + 1);
}

// src/mutations.ts
var Mutations = class {
  checks = [];
  changes = [];
  #values;
  constructor(values) {
    this.#values = values;
  }
  check(check) {
    const key = this.#values.prefix + check.key;
    if ("exists" in check) this.checks.push({ key, precondition: { exists: check.exists } });
    else if (check.revision === 0) this.checks.push({ key, precondition: { exists: false } });
    else this.checks.push({ key, precondition: { revision: check.revision } });
    return this;
  }
  put(key, value, options = {}) {
    this.changes.push({ put: this.#values.toPut(key, value, options.ttlMs) });
    return this;
  }
  delete(key) {
    this.changes.push({ delete: { key: this.#values.prefix + key } });
    return this;
  }
};

// src/transaction.ts
var Transaction = class {
  #values;
  #read;
  #seen = /* @__PURE__ */ new Map();
  #writes = /* @__PURE__ */ new Map();
  #first;
  /** `read` reads a whole key at a revision; 0: now. */
  constructor(values, read) {
    this.#values = values;
    this.#read = read;
  }
  /** The entry as it was before the transaction. */
  get(key) {
    let entry = this.#seen.get(key);
    if (entry === void 0) {
      entry = this.#readOnce(key);
      this.#seen.set(key, entry);
    }
    return entry;
  }
  put(key, value, options = {}) {
    this.#writes.set(key, (mutations) => mutations.put(key, value, options));
  }
  delete(key) {
    this.#writes.set(key, (mutations) => mutations.delete(key));
  }
  /** What is to be committed; undefined if nothing was written. */
  async finish() {
    if (this.#writes.size === 0) return void 0;
    const mutations = new Mutations(this.#values);
    for (const [key, entry] of this.#seen) mutations.check({ key, revision: (await entry)?.revision ?? 0 });
    for (const write of this.#writes.values()) write(mutations);
    return mutations;
  }
  async #readOnce(key) {
    const at = await this.#first;
    const response = this.#read(this.#values.prefix + key, at ?? 0);
    this.#first ??= response.then(({ revision }) => Number(revision));
    const [entry] = (await response).entries ?? [];
    return entry && this.#values.toEntry(entry);
  }
};

// src/values.ts
var raw = { encode: (value) => value, decode: (stored) => stored };
var Values = class {
  prefix;
  codec;
  constructor(prefix, codec) {
    this.prefix = prefix;
    this.codec = codec;
  }
  toKey(key) {
    return key.slice(this.prefix.length);
  }
  toHead(entry) {
    const { key, revision, version } = entry;
    return { key: this.toKey(key), revision: Number(revision), version: Number(version) };
  }
  /** Throws CodecError. */
  toEntry(entry) {
    return {
      ...this.toHead(entry),
      value: this.#decode(entry),
      createRevision: Number(entry.createRevision),
      updateTime: new Date(entry.updateTime ?? 0),
      expireTime: entry.expireTime === void 0 ? void 0 : new Date(entry.expireTime)
    };
  }
  /** Throws CodecError. */
  toChange({ type, entry, previous, expired = false }) {
    return {
      type: type === "PUT" ? "put" : "delete",
      key: this.toKey(entry.key),
      revision: Number(entry.revision),
      time: new Date(entry.updateTime ?? 0),
      entry: type === "PUT" ? this.toEntry(entry) : void 0,
      previous: previous !== void 0 && hasValue(previous) ? this.toEntry(previous) : void 0,
      expired
    };
  }
  /** The fields of a put. Throws CodecError. */
  toPut(key, value, ttlMs) {
    return {
      key: this.prefix + key,
      ...this.#encode(key, value),
      ...ttlMs !== void 0 && { ttl: toDuration(ttlMs) }
    };
  }
  #encode(key, value) {
    let stored;
    try {
      stored = this.codec.encode(value);
    } catch (error) {
      throw new CodecError(key, error.message, error);
    }
    return typeof stored === "string" ? { value: stored } : { bytesValue: toBase64(stored) };
  }
  #decode({ key, value, bytesValue }) {
    const stored = bytesValue === void 0 ? value ?? "" : fromBase64(bytesValue);
    try {
      return this.codec.decode(stored);
    } catch (error) {
      throw new CodecError(this.toKey(key), error.message, error);
    }
  }
};
function hasValue({ value, bytesValue }) {
  return value !== void 0 || bytesValue !== void 0;
}
function toDuration(ms) {
  return `${ms / 1e3}s`;
}
function toBase64(bytes) {
  const pieceBytes = 8192;
  let text = "";
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    text += String.fromCharCode(...bytes.subarray(start, start + pieceBytes));
  }
  return btoa(text);
}
function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

// src/watch.ts
var silenceMs = 35e3;
var ResumingWatch = class {
  state = "connecting";
  resumeRevision;
  #caller;
  #values;
  #request;
  #previous;
  #controller = new AbortController();
  #signal;
  /** The next stream begins with all entries: it was asked for, or the history does not reach back far enough. */
  #needsReset;
  #messages;
  constructor(caller, values, request, options) {
    this.#caller = caller;
    this.#values = values;
    this.#request = request;
    this.#previous = options.previous === true;
    this.#needsReset = options.existing === true;
    this.resumeRevision = options.from;
    const signals = [this.#controller.signal, caller.signal];
    this.#signal = AbortSignal.any(options.signal === void 0 ? signals : [...signals, options.signal]);
  }
  [Symbol.asyncIterator]() {
    this.#messages ??= this.#follow();
    return this.#messages;
  }
  async [Symbol.asyncDispose]() {
    this.#controller.abort();
    await this.#messages?.return();
    this.state = "ended";
  }
  async *#follow() {
    let failures = 0;
    try {
      while (!this.#signal.aborted) {
        try {
          for await (const message of this.#receive()) {
            failures = 0;
            yield message;
          }
        } catch (error) {
          if (this.#signal.aborted) return;
          if (!(error instanceof DuetError)) throw error;
          if (error.reason === "REVISION_COMPACTED") this.#needsReset = true;
          else if (!mayGoOn(error)) throw error;
          this.state = "stale";
          this.#caller.onEvent({ type: "watch-interrupted", error, resumeRevision: this.resumeRevision });
        }
        this.#caller.useNextServer();
        await pause(this.#caller.backoffMs(++failures), this.#signal);
      }
    } finally {
      this.state = "ended";
    }
  }
  /** The messages of one stream. Throws DuetError, also when the server ended it. */
  async *#receive() {
    const start = this.#needsReset ? { includeExisting: true } : { startRevision: this.resumeRevision };
    const request = { ...this.#request, ...start, previous: this.#previous };
    const silence = new Silence(this.#signal);
    let existing = [];
    try {
      const responses = this.#caller.stream("Watch", request, silence.signal);
      for await (const response of silence.bound(responses)) {
        this.state = "live";
        for (const entry of response.existing ?? []) existing.push(this.#values.toEntry(entry));
        const resume = response.resumeRevision;
        if (response.existingEnd === true) {
          this.#needsReset = false;
          this.resumeRevision = Number(resume);
          const entries = existing;
          existing = [];
          yield { type: "reset", revision: Number(response.revision), entries };
        } else if (resume !== void 0) {
          const message = this.#toMessage(response, Number(resume));
          this.resumeRevision = Number(resume);
          yield message;
        }
      }
    } catch (error) {
      if (silence.isOver) throw lost(`no sign of life for ${silenceMs / 1e3} s`);
      throw error;
    } finally {
      silence.end();
    }
    throw lost("the server ended the watch");
  }
  #toMessage({ revision, events = [] }, resumeRevision) {
    if (events.length === 0) return { type: "bookmark", revision: resumeRevision };
    const changes = events.map((event) => this.#values.toChange(event));
    return { type: "changes", revision: Number(revision), changes };
  }
};
function mayGoOn(error) {
  const codes = ["deadline_exceeded", "internal", "unknown", "canceled"];
  return isTransient(error) || error.reason === "WATCHER_TOO_SLOW" || codes.includes(error.code);
}
function lost(message) {
  return createError({ code: "unavailable", reason: "", message, outcome: "nothing", metadata: {} });
}
var Silence = class {
  signal;
  #controller = new AbortController();
  #timer;
  isOver = false;
  constructor(signal) {
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
  }
  async *bound(messages) {
    this.#begin();
    for await (const message of messages) {
      this.end();
      yield message;
      this.#begin();
    }
  }
  end() {
    clearTimeout(this.#timer);
  }
  #begin() {
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, silenceMs);
  }
};

// src/keyspace.ts
var keysMax2 = 1e3;
var Keyspace = class _Keyspace {
  caller;
  /** Undefined: gets are not gathered. */
  #batch;
  #values;
  constructor(caller, batch, values) {
    this.caller = caller;
    this.#batch = batch;
    this.#values = values;
  }
  async get(key, options = {}) {
    const whole = this.#values.prefix + key;
    const read = toRead(options);
    const isAlike = options.signal === void 0 && options.timeoutMs === void 0;
    const entry = this.#batch !== void 0 && isAlike ? await this.#batch.get(whole, read) : await readOne(this.caller, whole, read, options);
    return entry && this.#values.toEntry(entry);
  }
  async getMany(keys, options = {}) {
    for (; ; ) {
      try {
        return await this.#getManyOnce(keys, options);
      } catch (error) {
        if (!(error instanceof HistoryGoneError) || options.atRevision !== void 0) throw error;
      }
    }
  }
  async *list(range = {}, options = {}) {
    if ("key" in range) {
      const entry = await this.get(range.key, options);
      if (entry !== void 0) yield entry;
      return;
    }
    for await (const { entries = [] } of this.#pages(this.#toRange(range), options)) {
      for (const entry of entries) yield this.#values.toEntry(entry);
    }
  }
  async *keys(range = {}, options = {}) {
    if ("key" in range) {
      if (await this.get(range.key, options) !== void 0) yield range.key;
      return;
    }
    for await (const { entries = [] } of this.#pages({ ...this.#toRange(range), keysOnly: true }, options)) {
      for (const { key } of entries) yield this.#values.toKey(key);
    }
  }
  async count(range = {}, options = {}) {
    if ("key" in range) return await this.get(range.key, options) === void 0 ? 0 : 1;
    const request = { ...this.#toRange(range), ...toRead(options), countOnly: true };
    return Number((await this.caller.read("List", request, options)).count ?? 0);
  }
  async *dirs(prefix = "", options = {}) {
    const request = { prefix: this.#values.prefix + prefix, keysOnly: true, delimiter: "/" };
    const direction = options.reverse === true ? -1 : 1;
    for await (const { entries = [], prefixes = [] } of this.#pages(request, options)) {
      const names = [...entries.map(({ key }) => key), ...prefixes];
      for (const name of names.toSorted((one, other) => direction * compareUtf8(one, other))) {
        yield this.#values.toKey(name);
      }
    }
  }
  async put(key, value, options = {}) {
    const precondition = toPrecondition(options);
    const request = { ...this.#values.toPut(key, value, options.ttlMs), ...precondition };
    return this.#values.toHead((await this.caller.write("Put", request, options)).entry);
  }
  async create(key, value, options = {}) {
    const request = { ...this.#values.toPut(key, value, options.ttlMs), precondition: { exists: false } };
    return this.#values.toHead((await this.caller.write("Put", request, options)).entry);
  }
  async replace(seen, value, options = {}) {
    return this.put(seen.key, value, { ...options, ifRevision: seen.revision });
  }
  async update(key, change, options = {}) {
    return this.#untilNoConflict(options, async () => {
      const seen = await readOne(this.caller, this.#values.prefix + key, {}, options);
      const entry = seen && this.#values.toEntry(seen);
      const value = await change(entry);
      if (value === void 0) return void 0;
      return entry === void 0 ? this.create(key, value, options) : this.replace(entry, value, options);
    });
  }
  async touch(key, options = {}) {
    const { ttlMs } = options;
    const ttl = ttlMs === void 0 ? {} : { ttl: toDuration(ttlMs) };
    const request = { key: this.#values.prefix + key, ...ttl, ...toPrecondition(options) };
    try {
      return this.#values.toHead((await this.caller.write("Touch", request, options)).entry);
    } catch (error) {
      if (error instanceof DuetError && error.reason === "NO_SUCH_KEY") return void 0;
      throw error;
    }
  }
  async delete(key, options = {}) {
    const request = { key: this.#values.prefix + key, ...toPrecondition(options) };
    return (await this.caller.write("Delete", request, options)).deleted === true;
  }
  async commit(build, options = {}) {
    const mutations = new Mutations(this.#values);
    build(mutations);
    return this.#commit(mutations, options);
  }
  async transact(body, options = {}) {
    return this.#untilNoConflict(options, async () => {
      const transaction = new Transaction(
        this.#values,
        (key, atRevision) => this.caller.read("BatchGet", { keys: [key], atRevision }, options)
      );
      const result = await body(transaction);
      const mutations = await transaction.finish();
      if (mutations !== void 0) await this.#commit(mutations, options);
      return result;
    });
  }
  watch(target = { prefix: "" }, options = {}) {
    const whole = (key) => this.#values.prefix + key;
    const keys = "key" in target ? [target.key] : "prefix" in target ? [] : target.keys ?? [];
    const prefixes = "prefix" in target ? [target.prefix] : "key" in target ? [] : target.prefixes ?? [];
    const request = { keys: keys.map(whole), prefixes: prefixes.map(whole) };
    return new ResumingWatch(this.caller, this.#values, request, options);
  }
  async *history(key, options = {}) {
    const request = { key: this.#values.prefix + key };
    for (let pageToken = ""; ; ) {
      const page = await this.caller.read("History", { ...request, pageToken }, options);
      for (const event of page.events ?? []) yield this.#values.toChange(event);
      pageToken = page.nextPageToken ?? "";
      if (pageToken === "") return;
    }
  }
  scope(prefix, codec = this.#values.codec) {
    return new _Keyspace(this.caller, this.#batch, new Values(this.#values.prefix + prefix, codec));
  }
  async #getManyOnce(keys, options) {
    const read = { ...toRead(options) };
    const entries = /* @__PURE__ */ new Map();
    let revision = 0;
    for (let start = 0; start < keys.length; start += keysMax2) {
      const whole = keys.slice(start, start + keysMax2).map((key) => this.#values.prefix + key);
      const request = { keys: whole, ...read };
      const page = await this.caller.read("BatchGet", request, options);
      revision = Number(page.revision);
      read.atRevision = revision;
      for (const entry of page.entries ?? [])
        entries.set(this.#values.toKey(entry.key), this.#values.toEntry(entry));
    }
    return { revision, entries };
  }
  /** Page after page: one may be empty although more follow. */
  async *#pages(request, options) {
    const { reverse = false, pageSize = 0 } = options;
    for (let pageToken = ""; ; ) {
      const page = await this.caller.read(
        "List",
        { ...request, ...toRead(options), reverse, pageSize, pageToken },
        options
      );
      yield page;
      pageToken = page.nextPageToken ?? "";
      if (pageToken === "") return;
    }
  }
  async #commit({ checks, changes }, options) {
    const request = { checks, mutations: changes };
    const { revision, results = [] } = await this.caller.write("Commit", request, options);
    const toResult = ({ entry, deleted = false }) => entry === void 0 ? { deleted } : { put: this.#values.toHead(entry) };
    return { revision: Number(revision), results: results.map(toResult) };
  }
  /** Repeats what lost against another writer until the time of the call is over. */
  async #untilNoConflict(options, attempt) {
    const end = performance.now() + (options.timeoutMs ?? this.caller.timeoutMs);
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        const isLost = error instanceof ConflictError || error instanceof HistoryGoneError;
        const pauseMs = this.caller.backoffMs(failures) * Math.random();
        if (!isLost || performance.now() + pauseMs >= end) throw error;
        await pause(pauseMs, options.signal ?? this.caller.signal);
      }
    }
  }
  #toRange(range) {
    return toListRange(this.#values.prefix, range);
  }
};
function toRead({ local, minRevision, atRevision }) {
  return { ...local === true && { consistency: "LOCAL" }, minRevision, atRevision };
}
function toPrecondition({ ifRevision: revision }) {
  return revision === void 0 ? {} : { precondition: { revision } };
}
function compareUtf8(one, other) {
  const [left, right] = [Array.from(one), Array.from(other)];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}

// src/connect.ts
function connect(options) {
  const { transport = fetchTransport, prefix = "", signal } = options;
  const controller = new AbortController();
  const signals = signal === void 0 ? controller.signal : AbortSignal.any([controller.signal, signal]);
  const caller = new Caller(transport, signals, options);
  return new Connection(
    caller,
    controller,
    options.batch === false ? void 0 : new GetBatch(caller),
    prefix
  );
}
var Connection = class extends Keyspace {
  #controller;
  constructor(caller, controller, batch, prefix) {
    super(caller, batch, new Values(prefix, raw));
    this.#controller = controller;
  }
  async status(options = {}) {
    const status = await this.caller.read("duetkv.v1.StatusService/GetStatus", {}, options);
    const { replicas = [], limits = {} } = status;
    return {
      version: status.version ?? "",
      storeId: status.storeId ?? "",
      revision: Number(status.revision ?? 0),
      oldestRevision: Number(status.oldestRevision ?? 0),
      entries: Number(status.entries ?? 0),
      storeBytes: Number(status.storeBytes ?? 0),
      limits: Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, Number(limit)])),
      writable: status.writable ?? false,
      fault: status.fault ?? "",
      replicas: replicas.map(({ id = "", revision = 0, seenTime = 0, writer = false }) => {
        return { id, revision: Number(revision), seenTime: new Date(seenTime), writer };
      }),
      callsPerSecond: status.callsPerSecond ?? 0,
      callP99Seconds: status.callP99Seconds ?? 0,
      stateHash: status.stateHash ?? ""
    };
  }
  async identity(options = {}) {
    const method = "duetkv.v1.StatusService/GetIdentity";
    const {
      name = "",
      via = "",
      grants = [],
      expireTime
    } = await this.caller.read(method, {}, options);
    return {
      name,
      via,
      grants: grants.map(({ prefix = "", rights = [], deny = false }) => ({ prefix, rights, deny })),
      expireTime: expireTime === void 0 ? void 0 : new Date(expireTime)
    };
  }
  /** Ends all calls and watches. */
  async [Symbol.asyncDispose]() {
    this.#controller.abort();
    await this.caller.close();
  }
};
export {
  CodecError,
  ConflictError,
  DuetError,
  ForbiddenError,
  HistoryGoneError,
  LimitError,
  TimeoutError,
  UnauthenticatedError,
  UnavailableError,
  UnknownOutcomeError,
  connect
};
