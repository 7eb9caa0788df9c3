import { type Client, connect, type Identity, UnauthenticatedError } from "@duetkv/client";
import { signal } from "@preact/signals";
import { Live } from "./live/live.ts";
import { liveNameOf } from "./live/live-name.ts";

/** What a tab works with: it changes when somebody signs in. */
export interface Session {
  readonly client: Client;
  readonly token: string | undefined;
}

/** sessionStorage is of this tab alone, and survives its reload. */
const storageKey = "duetkv-token";

/** How long after a failure the service is asked again who this tab is. */
const retryMs = 5000;

/** The API is one level above the console, also behind a proxy that adds a path. */
const url = new URL("..", location.href).href;

export const session = signal(open(sessionStorage.getItem(storageKey) ?? undefined));
/** Undefined until the service has told. */
export const identity = signal<Identity | undefined>(undefined);
export const live = signal<Live | undefined>(undefined);
/** Why a token is asked for; undefined when none is. */
export const signInReason = signal<string | undefined>(undefined);

function onEvent(): void {
  live.value?.interrupted();
}

function open(token: string | undefined): Session {
  const client = connect({ url, onEvent, ...(token !== undefined && { credentials: () => token }) });
  return { client, token };
}

/** Uses a token from now on, or none. `keep`: a reload of the tab does not ask for it again. */
export async function signIn(token: string | undefined, keep: boolean): Promise<void> {
  if (token !== undefined && keep) sessionStorage.setItem(storageKey, token);
  else sessionStorage.removeItem(storageKey);
  const { client } = session.value;
  live.value?.close();
  live.value = undefined;
  identity.value = undefined;
  signInReason.value = undefined;
  session.value = open(token);
  void client.close();
  await identify();
}

/** Asks the service who this tab is, and begins to listen for changes. */
export async function identify(): Promise<void> {
  const { client, token } = session.value;
  try {
    const found = await client.identity();
    if (client !== session.value.client) return;
    const { via, name } = found;
    const liveName = await liveNameOf({ url, via, name, token });
    if (client !== session.value.client) return;
    identity.value = found;
    live.value?.close();
    live.value = new Live(client, liveName, report);
  } catch (error) {
    if (client !== session.value.client) return;
    report(error);
    // Nobody may be there yet: without an identity nothing would be live, even once the service is back.
    if (!(error instanceof UnauthenticatedError)) setTimeout(() => void identifyAgain(client), retryMs);
  }
}

async function identifyAgain(client: Client): Promise<void> {
  if (client === session.value.client && identity.value === undefined) await identify();
}

// A page that the browser keeps for "back" must not lead: it runs no more.
addEventListener("pagehide", () => live.value?.close());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) void identify();
});

/** Asks for a token if that is what an error is about. */
export function report(error: unknown): void {
  if (!(error instanceof UnauthenticatedError)) return;
  const isFirst = session.value.token === undefined;
  signInReason.value = isFirst ? "The service asks for a token." : `The token is refused: ${error.message}`;
}
