/** Counts by labels, for metrics. */
export class SecurityCounts {
  readonly #authentications = new Map<string, Map<string, number>>();
  readonly #denied = new Map<string, number>();

  /** `outcome` is "ok" or the reason. */
  authenticated(via: string, outcome: string): void {
    let ofVia = this.#authentications.get(via);
    if (ofVia === undefined) this.#authentications.set(via, (ofVia = new Map()));
    ofVia.set(outcome, (ofVia.get(outcome) ?? 0) + 1);
  }

  denied(right: string): void {
    this.#denied.set(right, (this.#denied.get(right) ?? 0) + 1);
  }

  authentications(): { readonly via: string; readonly outcome: string; readonly count: number }[] {
    return [...this.#authentications].flatMap(([via, outcomes]) =>
      [...outcomes].map(([outcome, count]) => ({ via, outcome, count })),
    );
  }

  denials(): { readonly right: string; readonly count: number }[] {
    return [...this.#denied].map(([right, count]) => ({ right, count }));
  }
}
