import { createToken } from "../../security/token.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";

export const run: Run<"token new"> = async ({ positionals: [name = ""], flags, output }) => {
  const { expires } = flags;
  if (expires !== undefined && !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(expires)) {
    throw usageFailure("--expires must be a time such as 2027-01-01T00:00:00Z");
  }
  const { id, token, hash } = createToken();
  const entry = { id, name, hash, roles: flags.role, ...(expires !== undefined && { expires }) };
  if (output.json) {
    output.object({ token, entry });
    return 0;
  }
  output.note("The token, which is shown only here, and its entry for the policy file:");
  output.line(token);
  output.object(entry);
  return 0;
};
