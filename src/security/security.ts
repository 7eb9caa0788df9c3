import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Quota } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { Audit, type AuditSink } from "./audit.ts";
import type { AuditLevel } from "./audit-levels.ts";
import { type CallOrigin, readCredential } from "./authenticator.ts";
import { requireKnown } from "./authorize.ts";
import { CallAudit } from "./call-audit.ts";
import type { Caller } from "./caller.ts";
import { protect } from "./guard.ts";
import type { Credential, Identity } from "./identity.ts";
import { findRule, type MethodRule } from "./method-rules.ts";
import { networkOf } from "./network.ts";
import { PolicySource } from "./policy-source.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { RecentCallers } from "./recent-callers.ts";
import { keyRights, serverRights } from "./right.ts";
import { Rights } from "./rights.ts";
import { RunningStreams } from "./running-streams.ts";
import { SecurityCounts } from "./security-counts.ts";

export interface SecurityOptions {
  /** Path of the policy file; without one everybody may do everything. */
  readonly policy?: string | undefined;
  /** Default: nothing is written down. */
  readonly audit?: { readonly level: AuditLevel; readonly sink: AuditSink } | undefined;
  readonly log: Logger;
  /** Between two looks at the policy file, in milliseconds. */
  readonly pollMs?: number;
}

/** Who may do what, for all protocols: the one door to identities, rights, rate limits and the audit. */
export interface Security {
  /**
   * Who makes a call; undefined for methods that ask nobody. Throws or rejects with the reason when the call must not go on:
   * bad credentials, or too many calls.
   */
  readonly authenticate: (
    origin: CallOrigin,
    method: DescMethod,
    protocol: string,
  ) => Caller | Promise<Caller> | undefined;
  /**
   * Counts and writes down a call that something else has refused before its request was read. Throws RATE_LIMITED when its
   * address makes too many calls.
   */
  refused(origin: CallOrigin, method: DescMethod, protocol: string, via: string, error: unknown): void;
  /** Puts the rules of access before the handlers of a service. Throws for a method without a rule. */
  readonly protect: <Service extends DescService>(
    service: Service,
    implementation: ServiceImpl<Service>,
  ) => ServiceImpl<Service>;
  /** Those of the policy in force. */
  readonly quotas: readonly Quota[];
  /** Calls back with the quotas now, and with those of each new policy. There is one listener. */
  onQuotas(listener: (quotas: readonly Quota[]) => void): void;
  /** Reads the policy file now, and opens the audit file again. */
  reload(): Promise<void>;
  readonly metrics: SecurityMetrics;
  close(): Promise<void>;
}

export interface SecurityMetrics {
  readonly counts: SecurityCounts;
  /** How often the policy file could not be used; whether it differs from what is in force; what is in force. */
  readonly policy: () =>
    | { readonly failures: number; readonly isStale: boolean; readonly sha256: string }
    | undefined;
  /** How often the keys of issuers could not be read, and how many sets of keys could not the last time. */
  readonly keys: () => { readonly failures: number; readonly stale: number } | undefined;
  /** Lines of the audit that were dropped; undefined without an audit. */
  readonly auditDropped: () => number | undefined;
}

const unrestricted: Identity = {
  name: "",
  via: "anonymous",
  expires: undefined,
  rights: new Rights([{ prefix: "", allow: new Set(keyRights), deny: new Set() }], new Set(serverRights)),
  callRate: undefined,
  known: true,
};

/** Rejects with PolicyError or with the error of the file system when the policy cannot be used. */
export async function openSecurity(options: SecurityOptions): Promise<Security> {
  const { log, audit: auditOptions } = options;
  const counts = new SecurityCounts();
  const streams = new RunningStreams();
  let setQuotas: ((quotas: readonly Quota[]) => void) | undefined;
  const source =
    options.policy === undefined
      ? undefined
      : await PolicySource.open({
          path: options.policy,
          log,
          onChange(policy, jwts) {
            streams.judge(policy);
            // Its issuers may have other keys or algorithms.
            if (jwts !== undefined) streams.verify(jwts);
            setQuotas?.(policy.quotas);
          },
          onKeysChange: (jwts) => streams.verify(jwts),
          ...(options.pollMs !== undefined && { pollMs: options.pollMs }),
        });
  const quotasOf = (): readonly Quota[] => source?.policy.quotas ?? [];
  const audit =
    auditOptions &&
    new CallAudit(new Audit(auditOptions.level, auditOptions.sink), () => source?.policy.sha256);
  const ofAddresses = new RateLimiter();
  const ofIdentities = new RateLimiter();
  const ofAnonymous = new RateLimiter();

  const recentCallers = new RecentCallers();

  function identify(credential: Credential, origin: CallOrigin, asks: MethodRule["asks"]): Caller {
    const { peer } = origin;
    if (source === undefined) return { identity: unrestricted, credential, peer, policy: undefined };
    const { policy } = source;
    const caller = { identity: policy.identify(credential), credential, peer, policy };
    recentCallers.remember(origin, caller);
    return admit(caller, asks);
  }

  /** What each call of a caller is asked. */
  function admit(caller: Caller, asks: MethodRule["asks"]): Caller {
    const { identity, peer } = caller;
    if (asks === "identities") requireKnown(identity);
    const { callRate, via, name } = identity;
    // Anonymous callers have no name by which they differ. Their addresses are without number.
    if (callRate !== undefined) {
      if (via === "anonymous") ofAnonymous.take(networkOf(peer.address), callRate);
      else ofIdentities.take(`${via} ${name}`, callRate);
    }
    counts.authenticated(via);
    return caller;
  }

  function limitAddress({ peer }: CallOrigin): void {
    const addressRate = source?.policy.addressRate;
    if (addressRate !== undefined) ofAddresses.take(networkOf(peer.address), addressRate);
  }

  const refused: Security["refused"] = (origin, method, protocol, via, error) => {
    if (error instanceof DuetError) counts.notAuthenticated(via, error.reason);
    const call = { method, protocol, peer: origin.peer, traceparent: origin.header("traceparent") };
    audit?.refused(call, via, error);
  };

  async function identifyLater(
    verifying: Promise<Credential>,
    origin: CallOrigin,
    method: DescMethod,
    protocol: string,
  ): Promise<Caller> {
    try {
      return identify(await verifying, origin, findRule(method).asks);
    } catch (error) {
      refused(origin, method, protocol, viaOf(origin), error);
      throw error;
    }
  }

  return {
    refused(origin, method, protocol, via, error) {
      try {
        limitAddress(origin);
      } catch (limited) {
        refused(origin, method, protocol, via, limited);
        throw limited;
      }
      refused(origin, method, protocol, via, error);
    },
    authenticate(origin, method, protocol) {
      const { asks } = findRule(method);
      if (asks === "nobody") return undefined;
      try {
        limitAddress(origin);
        const known = source && recentCallers.find(origin, source.policy);
        if (known !== undefined) return admit(known, asks);
        const credential: Credential | Promise<Credential> =
          source === undefined ? { via: "anonymous" } : readCredential(origin, source.jwts);
        return credential instanceof Promise
          ? identifyLater(credential, origin, method, protocol)
          : identify(credential, origin, asks);
      } catch (error) {
        refused(origin, method, protocol, viaOf(origin), error);
        throw error;
      }
    },
    protect: (service, implementation) =>
      protect(service, implementation, {
        counts,
        streams,
        audit,
        policy: () => source?.policy,
        jwts: () => source?.jwts,
      }),
    get quotas() {
      return quotasOf();
    },
    onQuotas(listener) {
      setQuotas = listener;
      listener(quotasOf());
    },
    async reload() {
      auditOptions?.sink.reopen();
      await source?.reload();
    },
    metrics: {
      counts,
      policy: () =>
        source && { failures: source.failures, isStale: source.isStale, sha256: source.policy.sha256 },
      keys: () => source?.keys,
      auditDropped: () => auditOptions?.sink.dropped,
    },
    async close() {
      source?.close();
      await audit?.close();
    },
  };
}

/** What a call that fails has tried. */
function viaOf(origin: CallOrigin): string {
  if (origin.header("authorization") !== undefined) return "bearer";
  return origin.peer.certificate === undefined ? "anonymous" : "certificate";
}
