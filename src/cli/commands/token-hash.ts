import { digestToken, tokenIdOf } from "../../security/token.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { readInputFile, readStdin } from "../read-input.ts";

export const run: Run<"token hash"> = async ({ positionals: [file = "-"], output }) => {
  const input =
    file === "-"
      ? await readStdin(false, "Give the token on stdin, or name its file.")
      : await readInputFile(file);
  const token = input.toString().trim();
  const id = tokenIdOf(token);
  if (id === undefined) {
    throw usageFailure("the input is not a token of this service", "Make one: duetkv token new NAME.");
  }
  const hash = `sha256:${digestToken(token).toString("hex")}`;
  if (output.json) output.object({ id, hash });
  else output.line(hash);
  return 0;
};
