import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetIdentityResponseSchema, GrantSchema } from "../../gen/duetkv/v1/status_pb.ts";
import type { Caller } from "../security/caller.ts";
import type { Rights } from "../security/rights.ts";
import { toTimestampInit } from "./entry-init.ts";

type Grant = MessageInitShape<typeof GrantSchema>;

/** Who the caller is. Without a policy every caller is anonymous, and no grant limits what anybody may do. */
export function toIdentityResponse(
  caller: Caller | undefined,
): MessageInitShape<typeof GetIdentityResponseSchema> {
  if (caller === undefined || caller.policy === undefined) return { name: "", via: "anonymous", grants: [] };
  const { name, via, expires, rights } = caller.identity;
  return {
    name,
    via,
    grants: toGrants(rights),
    ...(expires !== undefined && { expireTime: toTimestampInit(expires) }),
  };
}

/** No grants mean that everything is allowed: a caller who may do nothing is told so. */
function toGrants({ rules, server }: Rights): Grant[] {
  const grants = rules.flatMap(({ prefix, allow, deny }): Grant[] => [
    ...(allow.size > 0 ? [{ prefix, rights: [...allow], deny: false }] : []),
    ...(deny.size > 0 ? [{ prefix, rights: [...deny], deny: true }] : []),
  ]);
  if (server.size > 0) grants.push({ prefix: "", rights: [...server], deny: false });
  return grants.length === 0 ? [{ prefix: "", rights: ["*"], deny: true }] : grants;
}
