import {
  JetStreamApiError,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { DuetError } from "../../../errors.ts";

/** The subjects and streams of a log with this name. */
export function namesOf(name: string) {
  return {
    stream: name,
    batch: `${name}.log`,
    barrier: `${name}.barrier`,
    head: `${name}.head`,
    every: `${name}.*`,
    snapshotStream: `${name}_SNAP`,
    snapshot: (id: string) => `${name}.snap.${id}`,
    everySnapshot: `${name}.snap.*`,
    replicaStream: `${name}_REPLICAS`,
    replica: (id: string) => `${name}.replica.${id}`,
    everyReplica: `${name}.replica.*`,
    /** Not in a stream: hints of new batches. */
    bell: `${name}.bell`,
  };
}

export type Names = ReturnType<typeof namesOf>;

type Config = Partial<StreamConfig> & Pick<StreamConfig, "name">;

const codes = { streamNotFound: 10059, notClustered: 10074 };

/** A heartbeat that is older has no meaning, in nanoseconds. */
const heartbeatNs = 600 * 1e9;

/**
 * Makes the streams that are missing, and checks those that exist. Resolves with the state of the stream of the log.
 * Rejects with LOG_UNAVAILABLE when a stream is not as it must be, and with the client's error.
 */
export async function openStreams(
  manager: JetStreamManager,
  names: Names,
  replicas: number,
): Promise<StreamInfo> {
  const lasting = {
    num_replicas: replicas,
    storage: "file",
    retention: "limits",
    discard: "new",
    allow_direct: true,
  } as const;
  const configs: readonly Config[] = [
    {
      ...lasting,
      name: names.stream,
      subjects: [names.batch, names.barrier, names.head],
      allow_rollup_hdrs: true,
    },
    { ...lasting, name: names.snapshotStream, subjects: [names.everySnapshot] },
    {
      ...lasting,
      name: names.replicaStream,
      subjects: [names.everyReplica],
      storage: "memory",
      discard: "old",
      max_msgs_per_subject: 1,
      max_age: heartbeatNs,
    },
  ];
  const opened: StreamInfo[] = [];
  for (const config of configs) opened.push(await openStream(manager, config));
  return opened[0] as StreamInfo;
}

async function openStream(manager: JetStreamManager, config: Config): Promise<StreamInfo> {
  const found = await findStream(manager, config.name);
  if (found === undefined) return addStream(manager, config);
  const mistakes = mistakesOf(found.config, config);
  if (mistakes.length === 0) return found;
  throw new DuetError(
    "LOG_UNAVAILABLE",
    `stream ${config.name} cannot hold a log: set ${mistakes.join(", ")}`,
  );
}

/** Resolves with undefined when there is no such stream. */
export async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === codes.streamNotFound) return undefined;
    throw error;
  }
}

/** The names of the servers that have a copy of a stream, the leader first. Rejects with the client's error. */
export async function serversOf(manager: JetStreamManager, stream: string): Promise<readonly string[]> {
  const { cluster } = await manager.streams.info(stream);
  return [cluster?.leader ?? "", ...(cluster?.replicas ?? []).map(({ name }) => name)].filter(Boolean);
}

async function addStream(manager: JetStreamManager, config: Config): Promise<StreamInfo> {
  try {
    return await manager.streams.add(config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== codes.notClustered) throw error;
    const message = `the log needs ${config.num_replicas} NATS servers in a cluster; one server is enough with --nats-replicas 1`;
    throw new DuetError("LOG_UNAVAILABLE", message, { cause: error });
  }
}

/** What to set, as `name: value`. */
function mistakesOf(found: StreamConfig, wanted: Config): string[] {
  const unlimited = { max_msgs: -1, max_bytes: -1, max_msg_size: -1, sealed: false, deny_purge: false };
  const foreign = ["mirror", "sources", "subject_transform"] as const;
  const { num_replicas: replicas = 1, subjects = [], ...exact } = wanted;
  const expected: Partial<StreamConfig> = {
    ...unlimited,
    ...exact,
    ...(wanted.storage === "file" && { max_age: 0, max_msgs_per_subject: -1 }),
  };
  const mistakes = (Object.entries(expected) as [keyof StreamConfig, string | number | boolean][])
    .filter(([name, value]) => found[name] !== value)
    .map(([name, value]) => `${name}: ${value}`);
  mistakes.push(...foreign.filter((name) => found[name] !== undefined).map((name) => `no ${name}`));
  if (found.persist_mode === "async") mistakes.push("persist_mode: default");
  if (found.no_ack) mistakes.push("no_ack: false");
  if (found.num_replicas < replicas) {
    mistakes.push(`num_replicas: ${replicas} (or --nats-replicas ${found.num_replicas})`);
  }
  if (found.subjects.toSorted().join() !== subjects.toSorted().join())
    mistakes.push(`subjects: ${subjects.join(" ")}`);
  return mistakes;
}
