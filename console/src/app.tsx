import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { formatKey } from "./format.ts";
import { AccessPage } from "./pages/access.tsx";
import { Browse } from "./pages/browse.tsx";
import { BulkPage } from "./pages/bulk.tsx";
import { ClusterPage } from "./pages/cluster.tsx";
import { EditPage } from "./pages/edit.tsx";
import { EntryPage } from "./pages/entry.tsx";
import { HistoryPage } from "./pages/history.tsx";
import { WatchPage } from "./pages/watch.tsx";
import { LiveState } from "./parts/live-state.tsx";
import { SignIn } from "./parts/sign-in.tsx";
import { hrefOf, route } from "./route.ts";
import { readServerClock } from "./server-clock.ts";
import { identify, identity, signInReason } from "./session.ts";

const pages: ReadonlyMap<string, ComponentType> = new Map([
  ["browse", Browse],
  ["entry", EntryPage],
  ["edit", EditPage],
  ["history", HistoryPage],
  ["watch", WatchPage],
  ["bulk", BulkPage],
  ["cluster", ClusterPage],
  ["access", AccessPage],
]);

const menu = [
  ["browse", "Browse"],
  ["watch", "Watch"],
  ["cluster", "Cluster"],
  ["access", "Access"],
] as const;

export function App() {
  useEffect(() => {
    void identify();
    // Without it, times to live are those of this machine's clock.
    readServerClock().catch(() => {});
  }, []);
  const { page } = route.value;
  const Page = pages.get(page) ?? NoSuchPage;
  return (
    <>
      <a class="skip" href={`#main`} onClick={skip}>
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href={hrefOf("browse")}>
          Duet KV
        </a>
        <nav aria-label="Pages">
          {menu.map(([name, title]) => (
            <a key={name} href={hrefOf(name)} aria-current={name === page ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <LiveState />
        <button type="button" class="who" onClick={askForToken}>
          {identity.value === undefined ? "Sign in" : formatKey(identity.value.name || "anonymous")}
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        <Page />
      </main>
      <SignIn />
    </>
  );
}

function NoSuchPage() {
  return <p>There is no such page.</p>;
}

function askForToken(): void {
  signInReason.value = "A token decides what you may do here.";
}

/** The fragment of the address is the route of the console. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("main")?.focus();
}
