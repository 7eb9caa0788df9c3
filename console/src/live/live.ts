import { type Client, ForbiddenError } from "@duetkv/client";
import { signal as createSignal } from "@preact/signals";
import type { LiveChange } from "./live-change.ts";
import { covers, type Selection, selects, unite } from "./selection.ts";
import { toLiveChange } from "./to-live-change.ts";

/** What a part of a page hears. */
export interface Listener {
  onChanges(changes: readonly LiveChange[]): void;
  /** Changes are delivered from now on; earlier ones may have been missed, so what was read must be read again. */
  onFresh(): void;
  /** The selection cannot be watched. */
  onRefused(error: Error): void;
}

interface Subscription {
  readonly selection: Selection;
  readonly listener: Listener;
  isLive: boolean;
}

/** What the tabs of one identity tell each other. */
type Message =
  | { readonly type: "want"; readonly tab: string; readonly selection: Selection }
  | { readonly type: "leave"; readonly tab: string }
  /** Asked by a tab that begins to lead. */
  | { readonly type: "who" }
  | { readonly type: "live"; readonly selection: Selection; readonly revision: number }
  | { readonly type: "changes"; readonly revision: number; readonly changes: readonly LiveChange[] }
  /** Changes were missed. */
  | { readonly type: "reset"; readonly revision: number }
  | { readonly type: "stale" }
  | { readonly type: "refused"; readonly selection: Selection; readonly message: string };

/** A tab tells what it wants again after this time, and is forgotten after three of them in which it did not. */
const repeatMs = 60_000;

/**
 * Changes as they happen, for all tabs of one identity over one stream: a browser has six connections to a server of
 * HTTP/1.1, and a seventh tab with a stream of its own would wait without an error. The tab that holds the lock leads: it
 * watches what all tabs want, and tells them. Without locks, which need HTTPS or localhost, each tab has its own stream.
 */
export class Live {
  readonly state = createSignal<"connecting" | "live" | "stale" | "ended">("connecting");
  readonly #client: Client;
  readonly #channel: BroadcastChannel | undefined;
  readonly #closing = new AbortController();
  readonly #tab = String(Math.random());
  readonly #subscriptions = new Set<Subscription>();
  /** What the other tabs want; only a tab that leads looks at it. */
  readonly #wants = new Map<string, { readonly selection: Selection; readonly time: number }>();
  /** What the service has refused to this identity. */
  readonly #refused = new Set<string>();
  /** Up to which changes were delivered. */
  #revision: number | undefined;
  /** Ends the stream of the leader when the tabs want something else. */
  #restart = new AbortController();
  /** What the stream of the leader watches, once it does. */
  #watched: Selection | undefined;
  #isLeader = false;

  constructor(client: Client, name: string, report: (error: unknown) => void) {
    this.#client = client;
    const { signal: closed } = this.#closing;
    const isShared = "locks" in navigator;
    if (isShared) {
      this.#channel = new BroadcastChannel(name);
      this.#channel.addEventListener("message", ({ data }: MessageEvent<Message>) => this.#receive(data));
      const repeat = setInterval(() => this.#want(), repeatMs);
      closed.addEventListener("abort", () => clearInterval(repeat));
      addEventListener("pagehide", () => this.close(), { signal: closed });
    }
    const leading = isShared
      ? navigator.locks.request(name, { signal: closed }, () => this.#lead())
      : this.#lead();
    leading.catch((error: unknown) => {
      if (closed.aborted) return;
      this.state.value = "ended";
      report(error);
    });
  }

  /** Listens until the returned function is called. */
  subscribe(selection: Selection, listener: Listener): () => void {
    const subscription = { selection, listener, isLive: false };
    this.#subscriptions.add(subscription);
    this.#want();
    return () => {
      this.#subscriptions.delete(subscription);
      this.#want();
    };
  }

  /** The connection of this tab's stream was lost; the client connects again by itself. */
  interrupted(): void {
    if (this.#isLeader) this.#tell({ type: "stale" });
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#channel?.postMessage({ type: "leave", tab: this.#tab } satisfies Message);
    this.#channel?.close();
    this.state.value = "ended";
  }

  get #ownSelection(): Selection {
    return unite([...this.#subscriptions].map(({ selection }) => selection));
  }

  /** Tells the leader what this tab wants. */
  #want(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#isLeader) this.#adapt();
    else this.#channel?.postMessage({ type: "want", tab: this.#tab, selection: this.#ownSelection });
  }

  /** Begins a new stream, unless the present one watches just what the tabs want. */
  #adapt(): void {
    const selection = this.#united();
    const isSame = JSON.stringify(selection) === JSON.stringify(this.#watched);
    if (isSame && this.#revision !== undefined)
      this.#tell({ type: "live", selection, revision: this.#revision });
    else this.#restart.abort();
  }

  #tell(message: Message): void {
    this.#receive(message);
    this.#channel?.postMessage(message);
  }

  #receive(message: Message): void {
    switch (message.type) {
      case "want":
        this.#wants.set(message.tab, { selection: message.selection, time: Date.now() });
        if (this.#isLeader) this.#adapt();
        return;
      case "leave":
        this.#wants.delete(message.tab);
        if (this.#isLeader) this.#adapt();
        return;
      case "who":
        this.#want();
        return;
      case "live":
        this.#setLive(message.selection, message.revision);
        return;
      case "changes":
        this.#deliver(message.changes, message.revision);
        return;
      case "reset":
        this.#revision = message.revision;
        for (const { listener, isLive } of this.#subscriptions) if (isLive) listener.onFresh();
        return;
      case "stale":
        this.state.value = "stale";
        return;
      case "refused":
        for (const { selection, listener } of this.#subscriptions) {
          if (covers(message.selection, selection)) listener.onRefused(new Error(message.message));
        }
        return;
    }
  }

  #setLive(live: Selection, revision: number): void {
    this.state.value = "live";
    this.#revision = Math.max(revision, this.#revision ?? 0);
    for (const subscription of this.#subscriptions) {
      if (subscription.isLive || !covers(live, subscription.selection)) continue;
      subscription.isLive = true;
      subscription.listener.onFresh();
    }
  }

  /** A new leader may tell again what the last one has told already. */
  #deliver(changes: readonly LiveChange[], revision: number): void {
    if (revision <= (this.#revision ?? 0)) return;
    this.#revision = revision;
    for (const { selection, listener, isLive } of this.#subscriptions) {
      const selected = changes.filter(({ key }) => selects(selection, key));
      if (isLive && selected.length > 0) listener.onChanges(selected);
    }
  }

  /** Watches for all tabs until this one is closed. Rejects with DuetError when the service refuses it. */
  async #lead(): Promise<void> {
    this.#isLeader = true;
    this.#channel?.postMessage({ type: "who" } satisfies Message);
    while (!this.#closing.signal.aborted) {
      this.#restart = new AbortController();
      const selection = this.#united();
      if (selection.keys.length + selection.prefixes.length > 0) await this.#watch(selection);
      if (!this.#restart.signal.aborted) await this.#whenWanted();
    }
  }

  #whenWanted(): Promise<void> {
    return new Promise((resolve) => {
      this.#restart.signal.addEventListener("abort", () => resolve());
      this.#closing.signal.addEventListener("abort", () => resolve());
    });
  }

  #united(): Selection {
    const oldest = Date.now() - 3 * repeatMs;
    for (const [tab, { time }] of this.#wants) if (time < oldest) this.#wants.delete(tab);
    const others = [...this.#wants.values()].map(({ selection }) => selection);
    const { keys, prefixes } = unite([this.#ownSelection, ...others]);
    const isPermitted = (text: string) => !this.#refused.has(text);
    return { keys: keys.filter(isPermitted), prefixes: prefixes.filter(isPermitted) };
  }

  /** Watches until the tabs want something else. */
  async #watch(selection: Selection): Promise<void> {
    const signal = AbortSignal.any([this.#restart.signal, this.#closing.signal]);
    const from = this.#revision === undefined ? {} : { from: this.#revision };
    const watch = this.#client.watch(selection, { ...from, signal });
    try {
      for await (const message of watch) {
        const { type, revision } = message;
        if (type === "reset") this.#tell({ type: "reset", revision });
        if (type === "changes") {
          this.#tell({ type: "changes", revision, changes: message.changes.map(toLiveChange) });
        }
        if (this.#watched === undefined || this.state.value !== "live") {
          this.#tell({ type: "live", selection, revision });
        }
        this.#watched = selection;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ForbiddenError)) throw error;
      // The policy or the token has changed: who is it now? Without a valid token the question fails.
      if (this.#watched !== undefined) await this.#client.identity();
      else this.#refuse(selection, error);
      this.#restart.abort();
    } finally {
      this.#watched = undefined;
    }
  }

  /** Goes on without what is refused. */
  #refuse(selection: Selection, error: ForbiddenError): void {
    const isOne = (text: string) => text === error.key;
    const named = { keys: selection.keys.filter(isOne), prefixes: selection.prefixes.filter(isOne) };
    const refused = named.keys.length + named.prefixes.length > 0 ? named : selection;
    for (const text of [...refused.keys, ...refused.prefixes]) this.#refused.add(text);
    this.#tell({ type: "refused", selection: refused, message: error.message });
  }
}
