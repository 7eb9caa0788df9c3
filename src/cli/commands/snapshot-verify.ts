import { CommandFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { describeSnapshot } from "../snapshot/describe.ts";
import { withProgress } from "../snapshot/progress.ts";
import { verifySnapshot } from "../snapshot/verify.ts";

export const run: Run<"snapshot verify"> = async ({
  positionals: [path = ""],
  globals,
  output,
  openClient,
}) => {
  const summary = await withProgress(output, (onRead) => verifySnapshot(path, onRead));
  const compared = globals.server.length > 0;
  if (compared) {
    const method = "duetkv.v1.StatusService/GetStatus";
    const status = await openClient().read<{ revision: string; stateHash: string }>(method, {});
    if (status.revision !== String(summary.revision)) {
      output.warn(
        `the server is at revision ${status.revision}, the snapshot at ${summary.revision}; the hashes were not compared`,
      );
    } else if (status.stateHash !== summary.hash) {
      throw new CommandFailure({
        outcome: "found",
        reason: "HASH_MISMATCH",
        message: `at revision ${summary.revision} the snapshot has hash ${summary.hash}, the server ${status.stateHash}`,
      });
    }
  }
  if (output.json) output.object(summary);
  else output.line(describeSnapshot(summary));
  return 0;
};
