import { CallError } from "../client/call-error.ts";
import { Client } from "../client/client.ts";
import type { ListResponse } from "../client/messages.ts";
import { CommandFailure } from "../failure.ts";
import { readClientSettings } from "../settings.ts";
import type { ScannedWords } from "./scan-words.ts";

/** A person waits for the keys of a completion no longer. */
const deadlineMs = 300;

/** A terminal shows no more. */
const keysMax = 200;

/**
 * The keys that begin with `start`, up to the next slash. When there are too many for a completion, the first of them and the
 * last: these have the same common beginning as all of them. Empty when the server cannot be reached, does not respond in
 * time or refuses.
 */
export async function listKeys(start: string, given: ScannedWords["given"]): Promise<readonly string[]> {
  try {
    const client = new Client(readClientSettings(toGlobals(given), process.env));
    const request = { prefix: start, delimiter: "/", keysOnly: true };
    const first = await client.read<ListResponse>("List", { ...request, pageSize: keysMax });
    const names = namesOf(first);
    if (first.nextPageToken !== "") {
      const last = await client.read<ListResponse>("List", { ...request, pageSize: 1, reverse: true });
      names.push(...namesOf(last));
    }
    client.close();
    return names;
  } catch (error) {
    // A completion has no place to show errors.
    if (error instanceof CallError || error instanceof CommandFailure) return [];
    throw error;
  }
}

function namesOf({ entries, prefixes }: ListResponse): string[] {
  return [...entries.map(({ key }) => key), ...prefixes];
}

function toGlobals(given: ScannedWords["given"]) {
  const last = (name: string) => given.get(name)?.at(-1);
  return {
    server: given.get("server") ?? [],
    context: last("context"),
    "token-file": last("token-file"),
    cacert: last("cacert"),
    cert: last("cert"),
    key: last("key"),
    timeout: deadlineMs,
    json: false,
    quiet: true,
    "no-color": true,
    help: false,
  };
}
