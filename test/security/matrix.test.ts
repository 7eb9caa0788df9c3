import type { DescMethod } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { keyRights, serverRights } from "../../src/security/right.ts";
import { everyProtocol, type RequestInit } from "./call-every-protocol.ts";
import { makeToken, serveSecured, type TestToken } from "./serve.ts";

/** A call, and what it needs: all of these rights, just any identity, or nothing at all. */
interface Sample {
  readonly request: RequestInit;
  readonly needs: readonly string[] | "identity" | "nothing";
}

/** Who has exactly some rights. */
interface Caller {
  readonly role: readonly object[];
  readonly token: TestToken;
}

const key = "k/1";
const precondition = { condition: { case: "exists", value: true } };
const put = { kind: { case: "put", value: { key, value: "v" } } };
const del = { kind: { case: "delete", value: { key: "k/none" } } };
const listServices = { messageRequest: { case: "listServices", value: "" } };

/** What the contract says, written down anew. A method that is not here fails the test. */
const samples: Readonly<Record<string, readonly Sample[]>> = {
  "KeyValueService.Put": [
    { request: { key, value: "v" }, needs: ["write"] },
    { request: { key, value: "v", precondition }, needs: ["write"] },
  ],
  "KeyValueService.Get": [
    { request: { key }, needs: ["read"] },
    { request: { key, atRevision: 1n }, needs: ["read"] },
  ],
  "KeyValueService.Delete": [{ request: { key: "k/none" }, needs: ["delete"] }],
  "KeyValueService.Touch": [{ request: { key }, needs: ["write"] }],
  "KeyValueService.List": [
    { request: { prefix: "k/" }, needs: ["list", "read"] },
    { request: { start: "k/", end: "k/9" }, needs: ["list", "read"] },
    { request: { prefix: "k/", keysOnly: true }, needs: ["list"] },
    { request: { prefix: "k/", countOnly: true }, needs: ["list"] },
    { request: { prefix: "k/", delimiter: "/", keysOnly: true }, needs: ["list"] },
  ],
  "KeyValueService.History": [{ request: { key }, needs: ["read"] }],
  "KeyValueService.BatchGet": [{ request: { keys: [key, "k/2"] }, needs: ["read"] }],
  "KeyValueService.Commit": [
    { request: { mutations: [put] }, needs: ["write"] },
    { request: { mutations: [del] }, needs: ["delete"] },
    { request: { checks: [{ key, precondition }] }, needs: ["read"] },
    { request: { checks: [{ key, precondition }], mutations: [put] }, needs: ["read", "write"] },
  ],
  "KeyValueService.Watch": [
    { request: { prefix: "k/" }, needs: ["watch", "read"] },
    { request: { prefix: "k/", keysOnly: true }, needs: ["watch"] },
    { request: { prefix: "k/", keysOnly: true, previous: true }, needs: ["watch", "read"] },
    { request: { prefix: "k/", keysOnly: true, includeExisting: true }, needs: ["watch", "list"] },
    { request: { keys: [key], prefixes: ["k/"], keysOnly: true }, needs: ["watch"] },
  ],
  "StatusService.GetStatus": [{ request: {}, needs: "identity" }],
  "StatusService.GetIdentity": [{ request: {}, needs: "nothing" }],
  "StatusService.Snapshot": [{ request: {}, needs: ["snapshot"] }],
  "Health.Check": [{ request: {}, needs: "nothing" }],
  "Health.List": [{ request: {}, needs: "nothing" }],
  "Health.Watch": [{ request: {}, needs: "nothing" }],
  "ServerReflection.ServerReflectionInfo": [{ request: listServices, needs: "identity" }],
};

const services = [KeyValueService, StatusService, Health, ServerReflection, ServerReflectionAlpha];
const rights: readonly string[] = [...keyRights, ...serverRights];

/** All rights but that one. */
const allBut = (right: string) => rights.filter((each) => each !== right);

/**
 * Whose calls show what a sample needs: who has these rights alone may call, and who has all others but one of them may
 * not.
 */
function rightSetsFor({ needs }: Sample): readonly (readonly string[])[] {
  return typeof needs === "string" ? [[]] : [needs, ...needs.map(allBut), []];
}

const refusals = ["RIGHT_MISSING", "CREDENTIALS_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED"];

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.name}.${name}`;
}

function rulesFor(rightSet: readonly string[]): object[] {
  const allow = keyRights.filter((right) => rightSet.includes(right));
  const server = serverRights.filter((right) => rightSet.includes(right));
  return [...(allow.length > 0 ? [{ prefix: "k/", allow }] : []), ...(server.length > 0 ? [{ server }] : [])];
}

test("every method asks for its rights in every protocol, and for no other", async () => {
  const rightSets = Object.values(samples).flat().flatMap(rightSetsFor);
  const callers = new Map<string, Caller>(
    [...new Set(rightSets.map(String))].map((names, index) => [
      names,
      { role: rulesFor(names.split(",")), token: makeToken(`name${index}`, `role${index}`) },
    ]),
  );
  const all = makeToken("all", "all");
  const { origin } = await serveSecured({
    version: 1,
    roles: {
      all: [{ prefix: "", allow: ["*"] }],
      ...Object.fromEntries([...callers.values()].map(({ role, token }) => [token.entry.roles[0], role])),
    },
    tokens: [all.entry, ...[...callers.values()].map(({ token }) => token.entry)],
  });
  const protocols = everyProtocol(origin);
  const filled = await protocols["gRPC"]?.(KeyValueService.method.put, { key, value: "v" }, all.headers);
  expect(filled).toBe("OK");
  const wrong: string[] = [];
  let calls = 0;
  for (const method of services.flatMap((service) => service.methods as readonly DescMethod[])) {
    const ofMethod = samples[nameOf(method)];
    if (ofMethod === undefined) throw new Error(`${nameOf(method)} has no sample: what does it need?`);
    for (const [protocol, call] of Object.entries(protocols)) {
      for (const sample of ofMethod) {
        const { request, needs } = sample;
        const expectOutcome = async (
          who: string,
          headers: Readonly<Record<string, string>>,
          expected: string,
        ) => {
          const outcome = await call(method, request, headers);
          if (outcome === "not possible") return;
          calls++;
          if (expected === "OK" ? !refusals.includes(outcome) : outcome === expected) return;
          wrong.push(`${nameOf(method)} by ${protocol}, ${who}: ${outcome}, not ${expected}`);
        };
        const forged = { authorization: `${all.headers.authorization}x` };
        const open = method.parent === Health;
        await Promise.all([
          ...rightSetsFor(sample).map((rightSet) => {
            const allowed = typeof needs === "string" || needs.every((right) => rightSet.includes(right));
            const { headers } = (callers.get(String(rightSet)) as Caller).token;
            return expectOutcome(String(rightSet), headers, allowed ? "OK" : "RIGHT_MISSING");
          }),
          expectOutcome("anonymous", {}, needs === "nothing" ? "OK" : "CREDENTIALS_MISSING"),
          expectOutcome("forged", forged, open ? "OK" : "TOKEN_INVALID"),
        ]);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(calls).toBeGreaterThan(500);
});
