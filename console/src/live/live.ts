import { type Client, DuetError, HistoryGoneError } from "@duetkv/client";
import { signal as createSignal } from "@preact/signals";
import type { LiveChange } from "./live-change.ts";
import { covers, join, partsOf, type Selection, selects, unite, without } from "./selection.ts";
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

interface Refusal {
  readonly type: "refused";
  readonly selection: Selection;
  readonly message: string;
}

/** What the tabs of one identity tell each other. */
type Message =
  | { readonly type: "want"; readonly tab: string; readonly selection: Selection }
  | { readonly type: "leave"; readonly tab: string }
  /** Asked by a tab that begins to lead. */
  | { readonly type: "who" }
  | { readonly type: "live"; readonly selection: Selection; readonly revision: number }
  /** All up to the revision, also if there are none. */
  | { readonly type: "changes"; readonly revision: number; readonly changes: readonly LiveChange[] }
  /** Changes were missed. */
  | { readonly type: "reset"; readonly revision: number }
  | { readonly type: "stale" }
  | Refusal;

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
  /** What the service has refused to this identity, each part alone. */
  readonly #refusals: Refusal[] = [];
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
    return join([...this.#subscriptions].map(({ selection }) => selection));
  }

  /** Tells the leader what this tab wants. */
  #want(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#isLeader) this.#adapt();
    else this.#channel?.postMessage({ type: "want", tab: this.#tab, selection: this.#ownSelection });
  }

  /** Begins a new stream, unless the present one watches just what the tabs want. */
  #adapt(): void {
    for (const refusal of this.#refusals) this.#tell(refusal);
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
          if (partsOf(selection).length > partsOf(without(selection, message.selection)).length)
            listener.onRefused(new Error(message.message));
        }
        return;
    }
  }

  #setLive(live: Selection, revision: number): void {
    this.state.value = "live";
    this.#revision = Math.max(revision, this.#revision ?? 0);
    let isForgotten = false;
    for (const subscription of this.#subscriptions) {
      const wasLive = subscription.isLive;
      subscription.isLive = covers(live, subscription.selection);
      if (subscription.isLive && !wasLive) subscription.listener.onFresh();
      isForgotten ||= wasLive && !subscription.isLive;
    }
    // The leader heard nothing for long: this tab, or the machine, was asleep.
    if (isForgotten) this.#want();
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
    try {
      while (!this.#closing.signal.aborted) {
        this.#restart = new AbortController();
        const signal = AbortSignal.any([this.#restart.signal, this.#closing.signal]);
        const selection = this.#united();
        if (partsOf(selection).length > 0) await this.#watch(selection, signal);
        else await aborted(signal);
      }
    } finally {
      this.#isLeader = false;
    }
  }

  #united(): Selection {
    const oldest = Date.now() - 3 * repeatMs;
    for (const [tab, { time }] of this.#wants) if (time < oldest) this.#wants.delete(tab);
    const others = [...this.#wants.values()].map(({ selection }) => selection);
    const wanted = join([this.#ownSelection, ...others]);
    // A prefix that is refused must not stand for permitted ones below it.
    return unite([without(wanted, join(this.#refusals.map(({ selection }) => selection)))]);
  }

  /** Watches until the tabs want something else, or until another stream is needed. */
  async #watch(selection: Selection, signal: AbortSignal): Promise<void> {
    const from = this.#revision === undefined ? {} : { from: this.#revision };
    // Without the entries: each page reads again what it shows.
    const watch = this.#client.watch(selection, { ...from, existing: false, signal });
    try {
      for await (const message of watch) {
        const { revision } = message;
        const isFirst = this.#watched === undefined;
        if (isFirst && this.#revision === undefined) this.#tell({ type: "reset", revision });
        const changes = message.type === "changes" ? message.changes.map(toLiveChange) : [];
        this.#tell({ type: "changes", revision, changes });
        if (isFirst || this.state.value !== "live") this.#tell({ type: "live", selection, revision });
        this.#watched = selection;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof HistoryGoneError) this.#revision = undefined;
      else if (!isRefusal(error)) throw error;
      else await this.#refuse(selection, error, signal);
    } finally {
      this.#watched = undefined;
    }
  }

  /** Goes on without the parts that are refused, which are those that are refused alone. */
  async #refuse(selection: Selection, error: DuetError, signal: AbortSignal): Promise<void> {
    try {
      // The policy or the token may have changed: who is it now? Without a valid token the question fails.
      await this.#client.identity({ signal });
      if (this.#watched !== undefined) return;
      const before = this.#refusals.length;
      for (const part of partsOf(selection)) {
        const refused = await this.#errorOf(part, signal);
        if (refused === undefined) continue;
        const refusal = { type: "refused", selection: part, message: refused.message } as const;
        this.#refusals.push(refusal);
        this.#tell(refusal);
      }
      if (this.#refusals.length === before) throw error;
    } catch (cause) {
      if (!signal.aborted) throw cause;
    }
  }

  /** Why a selection is refused; undefined if it can be watched. */
  async #errorOf(selection: Selection, signal: AbortSignal): Promise<DuetError | undefined> {
    try {
      for await (const _ of this.#client.watch(selection, { signal })) return undefined;
    } catch (error) {
      if (isRefusal(error)) return error;
      throw error;
    }
    return undefined;
  }
}

/** An anonymous caller is asked for credentials where an identity lacks a right. */
function isRefusal(error: unknown): error is DuetError {
  const codes = ["permission_denied", "unauthenticated", "invalid_argument"];
  return error instanceof DuetError && codes.includes(error.code);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
}
