import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { ForwardingService } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import {
  type BatchGetRequest,
  type CommitRequest,
  type DeleteRequest,
  KeyValueService,
  type ListRequest,
  type PutRequest,
  type TouchRequest,
  type WatchRequest,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { requireKey, requireKnown, requireRange, requireServer } from "./authorize.ts";
import type { Identity } from "./identity.ts";
import type { KeyRight, ServerRight } from "./right.ts";
import type { Range } from "./rights.ts";

/** What a method asks of its caller. */
export interface MethodRule {
  /** Whom the method asks who they are; without an identity those of the last kind are refused before the request is read. */
  readonly asks: "nobody" | "anybody" | "identities";
  /** What an audit line names: the first right that the method needs. */
  readonly right: KeyRight | ServerRight | "";
  /** Throws RIGHT_MISSING or CREDENTIALS_MISSING when the identity may not make the call. */
  readonly authorize: (identity: Identity, request: never) => void;
  /** The keys and prefixes that a request is about, for the audit. */
  readonly keysOf: (request: never) => readonly string[];
  /** The key whose entry a failed precondition would tell of; undefined: the call has read it with a right of its own. */
  readonly preconditionKey?: (request: never) => string | undefined;
}

interface WithKey {
  readonly key: string;
}

function ofKey(right: KeyRight): MethodRule {
  return {
    asks: "identities",
    right,
    authorize: (identity, { key }: WithKey) => requireKey(identity, right, key),
    keysOf: ({ key }: WithKey) => [key],
  };
}

function ofConditionalWrite(right: KeyRight): MethodRule {
  return {
    ...ofKey(right),
    preconditionKey: ({ key, precondition }: PutRequest | DeleteRequest | TouchRequest) =>
      precondition === undefined ? undefined : key,
  };
}

const list: MethodRule = {
  asks: "identities",
  right: "list",
  authorize(identity, request: ListRequest) {
    requireRange(identity, "list", request);
    if (!request.keysOnly && !request.countOnly) requireRange(identity, "read", request);
  },
  keysOf: ({ prefix, start, end }: ListRequest) => (prefix === "" ? [start, end] : [prefix]),
};

const batchGet: MethodRule = {
  asks: "identities",
  right: "read",
  authorize(identity, { keys }: BatchGetRequest) {
    for (const key of keys) requireKey(identity, "read", key);
  },
  keysOf: ({ keys }: BatchGetRequest) => keys,
};

const commit: MethodRule = {
  asks: "identities",
  right: "write",
  authorize(identity, { checks, mutations }: CommitRequest) {
    for (const { key } of checks) requireKey(identity, "read", key);
    for (const { kind } of mutations) {
      if (kind.case === "put") requireKey(identity, "write", kind.value.key);
      else if (kind.case === "delete") requireKey(identity, "delete", kind.value.key);
    }
  },
  keysOf: ({ checks, mutations }: CommitRequest) => [
    ...mutations.flatMap(({ kind }) => (kind.case === undefined ? [] : [kind.value.key])),
    ...checks.map(({ key }) => key),
  ],
};

const watch: MethodRule = {
  asks: "identities",
  right: "watch",
  authorize(identity, request: WatchRequest) {
    const rights: KeyRight[] = ["watch"];
    if (!request.keysOnly || request.previous) rights.push("read");
    // The keys that there are, beside those that change.
    if (request.includeExisting) rights.push("list");
    const { keys, prefixes } = partsOf(request);
    for (const right of rights) {
      for (const key of keys) requireKey(identity, right, key);
      for (const prefix of prefixes) requireRange(identity, right, prefixOnly(prefix));
    }
  },
  keysOf(request: WatchRequest) {
    const { keys, prefixes } = partsOf(request);
    return [...keys, ...prefixes];
  },
};

function partsOf({ key, prefix, keys, prefixes }: WatchRequest) {
  const allKeys = key === undefined ? keys : [key, ...keys];
  const allPrefixes = prefix === "" ? prefixes : [prefix, ...prefixes];
  // Without any it is a watch of all keys.
  return {
    keys: allKeys,
    prefixes: allKeys.length + allPrefixes.length === 0 ? [""] : allPrefixes,
  };
}

function prefixOnly(prefix: string): Range {
  return { prefix, start: "", end: "", delimiter: "" };
}

const open: MethodRule = { asks: "nobody", right: "", authorize: () => {}, keysOf: () => [] };

/** Also for those whose credentials are missing: they learn that they are nobody. */
const anybody: MethodRule = { ...open, asks: "anybody" };

const identities: MethodRule = { ...open, asks: "identities", authorize: requireKnown };

const snapshot: MethodRule = {
  ...identities,
  right: "snapshot",
  authorize: (identity) => requireServer(identity, "snapshot"),
};

type MethodRules<Service extends DescService> = { readonly [Name in keyof Service["method"]]: MethodRule };

const keyValueRules: MethodRules<typeof KeyValueService> = {
  put: ofConditionalWrite("write"),
  get: ofKey("read"),
  delete: ofConditionalWrite("delete"),
  touch: ofConditionalWrite("write"),
  list,
  history: ofKey("read"),
  batchGet,
  commit,
  watch,
};

// The handler of GetStatus shows replicas and rates to those with the right "status" alone.
const statusRules: MethodRules<typeof StatusService> = {
  getStatus: identities,
  getIdentity: anybody,
  snapshot,
};

const healthRules: MethodRules<typeof Health> = { check: open, list: open, watch: open };

const reflectionRules = { serverReflectionInfo: identities };

const rulesByService: Readonly<Record<string, Readonly<Record<string, MethodRule>>>> = {
  [KeyValueService.typeName]: keyValueRules,
  [StatusService.typeName]: statusRules,
  [Health.typeName]: healthRules,
  [ServerReflection.typeName]: reflectionRules,
  [ServerReflectionAlpha.typeName]: reflectionRules,
  // Its callers are replicas, which prove that before their request is read, see `authenticateAll`.
  [ForwardingService.typeName]: { forward: open },
};

/** Throws for a method without a rule: nobody may serve it before it has one. */
export function findRule({ parent, localName }: DescMethod): MethodRule {
  const rule = rulesByService[parent.typeName]?.[localName];
  if (rule === undefined) throw new Error(`${parent.typeName}.${localName} has no rule of access`);
  return rule;
}
