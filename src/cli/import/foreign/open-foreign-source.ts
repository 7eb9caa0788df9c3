import { usageFailure } from "../../failure.ts";
import type { EntryContent } from "../entry-content.ts";
import type { ForeignSourceOptions, ReadForeignEntries } from "./foreign-source.ts";

export type ForeignStore = "etcd" | "redis" | "consul";

const stores: Readonly<
  Record<ForeignStore, { readonly example: string; readonly load: () => Promise<ReadForeignEntries> }>
> = {
  etcd: { example: "http://127.0.0.1:2379", load: async () => (await import("./etcd.ts")).readEtcd },
  redis: { example: "redis://127.0.0.1:6379/0", load: async () => (await import("./redis.ts")).readRedis },
  consul: { example: "http://127.0.0.1:8500", load: async () => (await import("./consul.ts")).readConsul },
};

/** Starts to read another store. Rejects with CommandFailure when the URL is not one of such a store. */
export async function openForeignSource(
  store: ForeignStore,
  text: string,
  options: Omit<ForeignSourceOptions, "url">,
): Promise<AsyncIterable<EntryContent>> {
  const { example, load } = stores[store];
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const schemes = store === "redis" ? /^rediss?:$/ : /^https?:$/;
  if (url === undefined || !schemes.test(url.protocol) || url.hostname === "") {
    // The text is not repeated: it may have a password.
    throw usageFailure(`--from ${store} needs a URL such as ${example}`);
  }
  if (url.password !== "") {
    throw usageFailure(
      "the URL has a password, which all users of this machine can see",
      "Use the variable REDISCLI_AUTH, ETCDCTL_USER or CONSUL_HTTP_TOKEN.",
    );
  }
  return (await load())({ ...options, url });
}
