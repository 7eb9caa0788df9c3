import { explain } from "../../security/explain.ts";
import { keyRights, serverRights } from "../../security/right.ts";
import { exitCodes } from "../exit-codes.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";
import { readPolicy } from "../read-policy.ts";

export const run: Run<"policy explain"> = async ({ positionals: [path = "", key], flags, output }) => {
  const policy = readPolicy(path);
  const { identity: name = "", role: more, right = "read" } = flags;
  const known = [...policy.tokens, ...policy.certificates].filter((each) => each.name === name);
  if (name !== "" && known.length === 0 && more.length === 0) {
    throw usageFailure(
      `${path} names no identity ${JSON.stringify(name)}`,
      "Its roles can be given with --role.",
    );
  }
  const unknown = more.find((role) => !Object.hasOwn(policy.roles, role));
  if (unknown !== undefined) throw usageFailure(`${path} has no role ${JSON.stringify(unknown)}`);
  const ofServer = serverRights.find((each) => each === right);
  const ofKeys = keyRights.find((each) => each === right);
  if (ofServer === undefined && ofKeys === undefined) {
    throw usageFailure(`--right must be one of ${[...keyRights, ...serverRights].join(", ")}`);
  }
  if ((key === undefined) !== (ofKeys === undefined)) {
    throw usageFailure(
      ofKeys === undefined ? `the right ${right} needs no KEY` : `the right ${right} needs a KEY`,
    );
  }
  const isAnonymous = name === "" && more.length === 0;
  const roles = [...(isAnonymous ? policy.anonymous : known.flatMap((each) => each.roles)), ...more];
  const { allowed, rules } = explain(policy, name, [...new Set(roles)], ofKeys ?? ofServer ?? "read", key);
  if (output.json) output.object({ allowed, rules });
  else {
    output.line(allowed ? "allowed" : "denied");
    for (const { role, effect, prefix } of rules) {
      const what = prefix === undefined ? "to the server" : `on ${toPrintable(prefix)}*`;
      output.line(`role ${role} ${effect === "allow" ? "allows" : "denies"} ${right} ${what}`);
    }
    if (rules.length === 0) output.line("no rule is about it");
  }
  return allowed ? 0 : exitCodes.denied.code;
};
