import { Caller } from "./caller.ts";
import { fetchTransport } from "./fetch-transport.ts";
import { GetBatch } from "./get-batch.ts";
import { Keyspace } from "./keyspace.ts";
import type { Client, Grant, Identity, Read, Status } from "./kv.ts";
import { LinkedController } from "./linked-controller.ts";
import type { ConnectOptions } from "./options.ts";
import { raw, Values } from "./values.ts";

/**
 * Returns a client of the service. It connects with the first call. Throws TypeError if there is no URL.
 *
 * @example
 * await using client = connect({ url: "http://127.0.0.1:8080", credentials: readToken });
 * await client.put("theme", "dark");
 */
export function connect(options: ConnectOptions): Client {
  const { transport = fetchTransport, prefix = "", signal } = options;
  const controller = new LinkedController(signal);
  const caller = new Caller(transport, controller.signal, options);
  return new Connection(
    caller,
    controller,
    options.batch === false ? undefined : new GetBatch(caller),
    prefix,
  );
}

class Connection extends Keyspace<string | Uint8Array> implements Client {
  readonly #controller: LinkedController;

  constructor(caller: Caller, controller: LinkedController, batch: GetBatch | undefined, prefix: string) {
    super(caller, batch, new Values(prefix, raw));
    this.#controller = controller;
  }

  async status(options: Pick<Read, "timeoutMs" | "signal"> = {}): Promise<Status> {
    const status = await this.caller.read<StatusMessage>("duetkv.v1.StatusService/GetStatus", {}, options);
    const { replicas = [], limits = {}, certificates = [] } = status;
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
      stateHash: status.stateHash ?? "",
      certificates: certificates.map(({ use = "", expireTime = 0 }) => ({
        use,
        expireTime: new Date(expireTime),
      })),
    };
  }

  async identity(options: Pick<Read, "timeoutMs" | "signal"> = {}): Promise<Identity> {
    const method = "duetkv.v1.StatusService/GetIdentity";
    const {
      name = "",
      via = "",
      grants = [],
      expireTime,
    } = await this.caller.read<IdentityMessage>(method, {}, options);
    return {
      name,
      via,
      grants: grants.map(({ prefix = "", rights = [], deny = false }) => ({ prefix, rights, deny })),
      expireTime: expireTime === undefined ? undefined : new Date(expireTime),
    };
  }

  async close(): Promise<void> {
    this.#controller.abort();
    this.#controller.unlink();
    await this.caller.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface StatusMessage {
  readonly version?: string;
  readonly storeId?: string;
  readonly revision?: string;
  readonly oldestRevision?: string;
  readonly entries?: string;
  readonly storeBytes?: string;
  readonly limits?: Readonly<Record<string, string>>;
  readonly writable?: boolean;
  readonly fault?: string;
  readonly replicas?: readonly {
    readonly id?: string;
    readonly revision?: string;
    readonly seenTime?: string;
    readonly writer?: boolean;
  }[];
  readonly callsPerSecond?: number;
  readonly callP99Seconds?: number;
  readonly stateHash?: string;
  readonly certificates?: readonly { readonly use?: string; readonly expireTime?: string }[];
}

interface IdentityMessage {
  readonly name?: string;
  readonly via?: string;
  readonly grants?: readonly Partial<Grant>[];
  readonly expireTime?: string;
}
