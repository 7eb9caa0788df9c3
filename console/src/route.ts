import { computed, signal } from "@preact/signals";

/** Where in the console a tab is: `#/entry?key=a` is the page `entry` with the parameter `key`. */
export interface Route {
  readonly page: string;
  readonly parameters: URLSearchParams;
}

/** What the browser keeps with each entry of its history: where the entry is among those of the console. */
interface HistoryState {
  readonly position: number;
}

const hash = signal(location.hash);
let position = markEntry(0);
let mayLeave: (() => boolean) | undefined;
let isReturning = false;

// Links, addresses that are typed, Back and Forward: the browser is at the other entry already.
addEventListener("hashchange", () => {
  if (isReturning) {
    isReturning = false;
    return;
  }
  const target = markEntry(position + 1);
  if (mayLeave?.() === false) {
    isReturning = true;
    history.go(position - target);
    return;
  }
  position = target;
  hash.value = location.hash;
});

/** Returns the position of the current entry. A new one gets `next`. */
function markEntry(next: number): number {
  const state = history.state as HistoryState | null;
  if (state !== null) return state.position;
  history.replaceState({ position: next } satisfies HistoryState, "");
  return next;
}

/**
 * Calls `ask` before another page of the console is shown, which it permits or not, and lets the browser ask before it leaves the
 * console. Returns a function that ends both.
 */
export function guardPage(ask: () => boolean): () => void {
  mayLeave = ask;
  addEventListener("beforeunload", preventDefault);
  return () => {
    mayLeave = undefined;
    removeEventListener("beforeunload", preventDefault);
  };
}

function preventDefault(event: Event): void {
  event.preventDefault();
}

export const route = computed<Route>(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split("?", 2);
  return { page: path === "" ? "browse" : path, parameters: new URLSearchParams(query) };
});

/** The address of a page. */
export function hrefOf(page: string, parameters: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(parameters).toString();
  return query === "" ? `#/${page}` : `#/${page}?${query}`;
}

export function goTo(page: string, parameters: Readonly<Record<string, string>> = {}): void {
  location.hash = hrefOf(page, parameters);
}
