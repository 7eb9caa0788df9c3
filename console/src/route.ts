import { computed, signal } from "@preact/signals";

/** Where in the console a tab is: `#/entry?key=a` is the page `entry` with the parameter `key`. */
export interface Route {
  readonly page: string;
  readonly parameters: URLSearchParams;
}

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

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
