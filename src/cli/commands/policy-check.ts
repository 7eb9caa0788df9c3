import type { Run } from "../invocation.ts";
import { readPolicy } from "../read-policy.ts";

export const run: Run<"policy check"> = async ({ positionals: [path = ""], output }) => {
  const { tokens, certificates, jwt, roles } = readPolicy(path);
  const counts = {
    roles: Object.keys(roles).length,
    tokens: tokens.length,
    certificates: certificates.length,
    issuers: jwt.length,
  };
  if (output.json) output.object(counts);
  else {
    const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    output.line(`${path} is in order: ${parts.join(", ")}`);
  }
  return 0;
};
