import { fetchJson } from "./fetch-json.ts";
import {
  type ForeignSourceOptions,
  type ReadForeignEntries,
  toEntryContent,
  toKey,
} from "./foreign-source.ts";

/** With values of 1 MiB, still within the limit of a response. */
const pageSize = 100;

// Messages of etcd's gateway: bytes are Base64, an int64 is a string of digits, and default values are missing.
interface RangeResponse {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly { readonly key: string; readonly value?: string; readonly lease?: string }[];
  readonly more?: boolean;
}

interface LeaseResponse {
  /** In seconds; -1 when the lease has ended. */
  readonly TTL?: string;
}

/**
 * Reads etcd 3.4 or later through its JSON gateway, all pages at the revision of the first. Leases become times to live. The
 * variable ETCDCTL_USER, NAME:PASSWORD, authenticates.
 */
export const readEtcd: ReadForeignEntries = async function* (options) {
  const call = await openGateway(options);
  const leases = new Map<string, number>();
  const end = endOf(Buffer.from(options.prefix)).toString("base64");
  let key = options.prefix === "" ? Buffer.from([0]) : Buffer.from(options.prefix);
  let revision: string | undefined;
  for (let more = true; more; ) {
    const request = { key: key.toString("base64"), range_end: end, limit: String(pageSize), revision };
    const page = await call<RangeResponse>("kv/range", request);
    revision ??= page.header.revision;
    for (const each of page.kvs ?? []) {
      const bytes = Buffer.from(each.key, "base64");
      key = Buffer.concat([bytes, Buffer.from([0])]);
      const name = toKey(bytes, options);
      if (name === undefined) continue;
      const value = Buffer.from(each.value ?? "", "base64");
      if (each.lease === undefined || each.lease === "0") {
        yield toEntryContent(name, value);
        continue;
      }
      const expiry = leases.get(each.lease) ?? (await readExpiry(call, each.lease));
      leases.set(each.lease, expiry);
      yield toEntryContent(name, value, expiry - Date.now());
    }
    more = page.more === true;
  }
};

type Call = <Response>(method: string, request: object) => Promise<Response>;

async function openGateway(options: ForeignSourceOptions): Promise<Call> {
  const post = <Response>(method: string, request: object, headers: Record<string, string>) => {
    const body = JSON.stringify(request);
    return fetchJson<Response>(options, `/v3/${method}`, { method: "POST", headers, body }, refuseNotFound);
  };
  const [, name, password] = /^([^:]*):(.*)$/s.exec(process.env["ETCDCTL_USER"] ?? "") ?? [];
  if (name === undefined) return (method, request) => post(method, request, {});
  const { token } = await post<{ token: string }>("auth/authenticate", { name, password }, {});
  return (method, request) => post(method, request, { Authorization: token });
}

function refuseNotFound(): never {
  throw new Error("it has no gateway of etcd 3.4 or later at /v3");
}

/** The time at which a lease ends, in milliseconds. */
async function readExpiry(call: Call, lease: string): Promise<number> {
  const { TTL } = await call<LeaseResponse>("lease/timetolive", { ID: lease });
  return Date.now() + Number(TTL ?? 0) * 1000;
}

/** The first key after all those with the prefix; a zero byte stands for the end of all keys. */
function endOf(prefix: Buffer): Buffer {
  const length = prefix.findLastIndex((byte) => byte < 0xff) + 1;
  if (length === 0) return Buffer.from([0]);
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
