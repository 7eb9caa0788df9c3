import type { Credential } from "./identity.ts";

/** Counts by labels, for metrics. */
export class SecurityCounts {
  /** Fields: each call under a policy counts here, and entries of maps would take longer. */
  readonly #succeeded: Record<Credential["via"], number> = {
    anonymous: 0,
    token: 0,
    certificate: 0,
    jwt: 0,
  };
  readonly #failed = new Map<string, Map<string, number>>();
  readonly #denied = new Map<string, number>();

  authenticated(via: Credential["via"]): void {
    this.#succeeded[via]++;
  }

  notAuthenticated(via: string, reason: string): void {
    let ofVia = this.#failed.get(via);
    if (ofVia === undefined) this.#failed.set(via, (ofVia = new Map()));
    ofVia.set(reason, (ofVia.get(reason) ?? 0) + 1);
  }

  denied(right: string): void {
    this.#denied.set(right, (this.#denied.get(right) ?? 0) + 1);
  }

  /** `outcome` is "ok" or the reason. */
  authentications(): { readonly via: string; readonly outcome: string; readonly count: number }[] {
    const succeeded = Object.entries(this.#succeeded).flatMap(([via, count]) =>
      count === 0 ? [] : [{ via, outcome: "ok", count }],
    );
    const failed = [...this.#failed].flatMap(([via, reasons]) =>
      [...reasons].map(([outcome, count]) => ({ via, outcome, count })),
    );
    return [...succeeded, ...failed];
  }

  denials(): { readonly right: string; readonly count: number }[] {
    return [...this.#denied].map(([right, count]) => ({ right, count }));
  }
}
