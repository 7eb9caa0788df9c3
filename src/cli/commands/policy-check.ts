import { findPolicyWarnings } from "../../security/policy-warnings.ts";
import type { Run } from "../invocation.ts";
import { readPolicy } from "../read-policy.ts";

export const run: Run<"policy check"> = async ({ positionals: [path = ""], output }) => {
  const policy = readPolicy(path);
  const { tokens, certificates, jwt, roles } = policy;
  const counts = {
    roles: Object.keys(roles).length,
    tokens: tokens.length,
    certificates: certificates.length,
    issuers: jwt.length,
  };
  const warnings = findPolicyWarnings(policy, Date.now());
  if (output.json) output.object({ ...counts, warnings });
  else {
    const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    output.line(`${path} is in order: ${parts.join(", ")}`);
    for (const warning of warnings) output.warn(`warning: ${warning}`);
  }
  return 0;
};
