import { restoreFileLog } from "../../transaction-log/file/restore.ts";
import { silentSink } from "../../transaction-log/log-sink.ts";
import { optionsFromEnvironment } from "../../transaction-log/remote/jetstream/environment.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { describeSnapshot } from "../snapshot/describe.ts";
import { withProgress } from "../snapshot/progress.ts";
import { type RestoreLog, restoreSnapshot } from "../snapshot/restore.ts";

export const run: Run<"snapshot restore"> = async ({ positionals: [path = ""], flags, output }) => {
  const restore = await toRestoreLog(flags.log, flags.deployment);
  const restored = await withProgress(output, (onRead) => restoreSnapshot(path, restore, Date.now(), onRead));
  if (output.json) output.object(restored);
  else output.line(`${describeSnapshot(restored)}; the log begins at revision ${restored.restoredRevision}`);
  return 0;
};

/** The restore function for the URL of a log. */
async function toRestoreLog(
  location: string | undefined,
  deployment: string | undefined,
): Promise<RestoreLog> {
  const directory = /^file:(.+)$/s.exec(location ?? "")?.[1];
  if (directory !== undefined) {
    if (deployment !== undefined) throw usageFailure("--deployment needs --log postgres://…");
    return (horizon, transactions) => restoreFileLog({ directory }, horizon, transactions);
  }
  if (location !== undefined && /^(nats|tls):\/\//.test(location)) return toJetStream(location);
  if (location === undefined || !/^postgres(ql)?:\/\//.test(location)) {
    throw usageFailure("snapshot restore needs --log file:DIR, --log postgres://… or --log nats://…");
  }
  const { restorePostgresLog } = await import("../../transaction-log/postgres/restore.ts");
  const options = { url: location, log: silentSink, ...(deployment !== undefined && { deployment }) };
  return (horizon, transactions) => restorePostgresLog(options, horizon, transactions);
}

async function toJetStream(url: string): Promise<RestoreLog> {
  const { openJetStreamDriver } = await import("../../transaction-log/remote/jetstream/open.ts");
  const { restoreRemoteLog } = await import("../../transaction-log/remote/restore.ts");
  return async (horizon, transactions) => {
    const driver = await openJetStreamDriver(optionsFromEnvironment(url, process.env));
    try {
      await restoreRemoteLog(driver, horizon, transactions);
    } finally {
      await driver.close();
    }
  };
}
