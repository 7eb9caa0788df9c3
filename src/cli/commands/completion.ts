import { completionScripts } from "../completion/scripts.ts";
import type { Run } from "../invocation.ts";

export const run: Run<"completion"> = async ({ positionals: [shell], output }) => {
  output.bytes(Buffer.from(completionScripts[shell as keyof typeof completionScripts]));
  return 0;
};
