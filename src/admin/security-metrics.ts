import type { Registry } from "prom-client";
import type { SecurityMetrics } from "../security/security.ts";
import { metric } from "./samples.ts";

/** Shows how callers identified themselves, what they were denied, and which policy is in force. */
export function registerSecurityMetrics(
  registry: Registry,
  { counts, policy, keys, auditDropped }: SecurityMetrics,
): void {
  registry.registerMetric(
    metric(
      "duetkv_auth_total",
      "counter",
      'Calls by how the caller was identified; outcome is "ok" or a reason.',
      () =>
        counts
          .authentications()
          .map(({ via, outcome, count }) => ({ labels: { via, outcome }, value: count })),
    ),
  );
  registry.registerMetric(
    metric("duetkv_denied_total", "counter", "Calls that lacked a right, by the right.", () =>
      counts.denials().map(({ right, count }) => ({ labels: { right }, value: count })),
    ),
  );
  registry.registerMetric(
    metric("duetkv_audit_dropped_lines_total", "counter", "Lines of the audit that were dropped.", () => {
      const dropped = auditDropped();
      return dropped === undefined ? [] : [{ labels: {}, value: dropped }];
    }),
  );
  registry.registerMetric(
    metric("duetkv_policy_load_failures_total", "counter", "Policy files that could not be used.", () =>
      valueOf(policy(), ({ failures }) => failures),
    ),
  );
  registry.registerMetric(
    metric(
      "duetkv_policy_stale",
      "gauge",
      "1 when the policy file cannot be used, and an older policy is in force.",
      () => valueOf(policy(), ({ isStale }) => Number(isStale)),
    ),
  );
  registry.registerMetric(
    metric(
      "duetkv_jwks_load_failures_total",
      "counter",
      "Keys of token issuers that could not be read.",
      () => valueOf(keys(), ({ failures }) => failures),
    ),
  );
  registry.registerMetric(
    metric(
      "duetkv_jwks_stale",
      "gauge",
      "Sets of keys of token issuers that could not be read the last time; those from before stay in use.",
      () => valueOf(keys(), ({ stale }) => stale),
    ),
  );
  registry.registerMetric(
    metric("duetkv_policy_info", "gauge", "1, with the SHA-256 of the policy file that is in force.", () =>
      valueOf(policy(), () => 1).map(({ value }) => ({ labels: { sha256: policy()?.sha256 ?? "" }, value })),
    ),
  );
}

/** No sample without a policy. */
function valueOf<State>(state: State | undefined, read: (state: State) => number) {
  return state === undefined ? [] : [{ labels: {}, value: read(state) }];
}
