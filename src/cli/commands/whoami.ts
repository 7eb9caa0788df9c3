import { toDateText } from "../entry-line.ts";
import type { Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";

interface Identity {
  readonly name: string;
  readonly via: string;
  readonly grants: readonly Grant[];
  readonly expireTime?: string;
}

interface Grant {
  readonly prefix: string;
  readonly rights: readonly string[];
  readonly deny: boolean;
}

export const run: Run<"whoami"> = async ({ output, openClient }) => {
  const identity = await openClient().read<Identity>("duetkv.v1.StatusService/GetIdentity", {});
  if (output.json) {
    output.object(identity);
    return 0;
  }
  const { name, via, grants, expireTime } = identity;
  output.line(name === "" ? toPrintable(via) : `${toPrintable(name)} via ${toPrintable(via)}`);
  if (expireTime !== undefined) output.line(`until ${toDateText(expireTime)}`);
  for (const { prefix, rights, deny } of grants) {
    output.line(
      `${deny ? "deny" : "allow"} ${rights.map(toPrintable).join(", ")} on ${toPrintable(prefix)}*`,
    );
  }
  if (grants.length === 0) output.line("no policy: everything is allowed");
  return 0;
};
