import { exitCodes } from "../exit-codes.ts";
import type { Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";

export const run: Run<"health"> = async ({ output, openClient }) => {
  const health = await openClient().read<{ status: string }>("grpc.health.v1.Health/Check", {});
  if (output.json) output.object(health);
  else output.line(toPrintable(health.status));
  return health.status === "SERVING" ? 0 : exitCodes.unavailable.code;
};
