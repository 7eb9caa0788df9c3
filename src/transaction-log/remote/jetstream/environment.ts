import { silentSink } from "../../log-sink.ts";
import type { JetStreamLogOptions } from "./options.ts";

/** The options of a command: the URL, and otherwise those that the server would take from its environment. */
export function optionsFromEnvironment(
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): JetStreamLogOptions {
  const credentialsFile = environment["DUETKV_NATS_CREDS"];
  const replicas = Number(environment["DUETKV_NATS_REPLICAS"] || 3);
  const monitors = environment["DUETKV_NATS_MONITOR"];
  return {
    url,
    log: silentSink,
    replicas,
    assumeSynced: environment["DUETKV_NATS_ASSUME_SYNCED"] === "true",
    ...(credentialsFile && { credentialsFile }),
    ...(monitors && { monitors: monitors.split(",") }),
  };
}
