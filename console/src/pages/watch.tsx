import type { Client } from "@duetkv/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatBytes, formatClock, formatCount, formatKey } from "../format.ts";
import type { LiveChange } from "../live/live-change.ts";
import { toLiveChange } from "../live/to-live-change.ts";
import { ErrorNote } from "../parts/error-note.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { goTo, hrefOf, route } from "../route.ts";
import { report, session } from "../session.ts";
import { useChanges } from "../use-changes.ts";

/** The newest changes that the table holds. */
const rowsMax = 500;

/** Changes below a prefix as they happen, or since a revision. */
export function WatchPage() {
  const { parameters } = route.value;
  const prefix = parameters.get("prefix") ?? "";
  const since = Number(parameters.get("since") ?? 0);
  const { client } = session.value;
  const [rows, setRows] = useState<readonly LiveChange[]>([]);
  const [held, setHeld] = useState<readonly LiveChange[]>();
  const [filter, setFilter] = useState("");
  const [error, setError] = useState<Error>();
  /** When changes were missed last. */
  const [missed, setMissed] = useState<Date>();
  const isFollowing = useRef(false);
  const loading = useRef<AbortController | undefined>(undefined);

  const add = (changes: readonly LiveChange[]) => {
    if (held === undefined) setRows((before) => merge(before, changes));
    else setHeld((before) => merge(before ?? [], changes));
  };

  /** Reads what has happened since the revision, up to now; from here on the stream of all tabs tells. */
  async function readPast(): Promise<void> {
    loading.current?.abort();
    const controller = new AbortController();
    loading.current = controller;
    try {
      const past = await changesSince(client, prefix, since, controller.signal);
      if (!controller.signal.aborted) setRows((before) => merge(before, past));
    } catch (cause) {
      if (controller.signal.aborted) return;
      report(cause);
      setError(cause as Error);
    }
  }

  function onFresh(): void {
    if (since > 0) void readPast();
    else if (isFollowing.current) setMissed(new Date());
    isFollowing.current = true;
  }

  useEffect(() => {
    setRows([]);
    setError(undefined);
    setMissed(undefined);
    isFollowing.current = false;
    return () => loading.current?.abort();
  }, [client, prefix, since]);
  useChanges({ keys: [], prefixes: [prefix] }, { onChanges: add, onRefused: setError, onFresh });
  const shown = rows.filter(({ key }) => key.includes(filter));

  return (
    <>
      <PageHead title="Watch">
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => {
            if (held !== undefined) setRows((before) => merge(before, held));
            setHeld(held === undefined ? [] : undefined);
          }}
        >
          {held === undefined ? "Pause" : `Resume (${held.length})`}
        </button>
        <button type="button" onClick={() => setRows([])}>
          Clear
        </button>
      </PageHead>
      <Query key={`${prefix} ${since}`} prefix={prefix} since={since} />
      <p class="bar">
        <label>
          Filter by key
          <input
            type="text"
            spellcheck={false}
            value={filter}
            onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          />
        </label>
      </p>
      <ErrorNote error={error} />
      {missed !== undefined && <p class="note">Changes before {formatClock(missed)} may be missing.</p>}
      {shown.length === 0 ? <p class="empty">No changes so far.</p> : <Changes changes={shown} />}
    </>
  );
}

/** What is watched. */
function Query(props: { readonly prefix: string; readonly since: number }) {
  const [prefix, setPrefix] = useState(props.prefix);
  const [since, setSince] = useState(props.since > 0 ? String(props.since) : "");
  return (
    <form
      class="fields"
      onSubmit={(event) => {
        event.preventDefault();
        goTo("watch", { ...(prefix !== "" && { prefix }), ...(since !== "" && { since }) });
      }}
    >
      <label>
        Keys that begin with
        <input
          type="text"
          spellcheck={false}
          value={prefix}
          onInput={({ currentTarget }) => setPrefix(currentTarget.value)}
        />
      </label>
      <label>
        Changes since revision
        <input
          type="number"
          min="1"
          placeholder="now"
          value={since}
          onInput={({ currentTarget }) => setSince(currentTarget.value)}
        />
      </label>
      <button type="submit">Watch</button>
    </form>
  );
}

function Changes({ changes }: { readonly changes: readonly LiveChange[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Changes">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Change</th>
            <th scope="col" class="number">
              Revision
            </th>
            <th scope="col">Key</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {changes.map(({ type, key, revision, time, expired, bytes, preview }) => (
            <tr key={`${revision} ${key}`}>
              <td class="time">{formatClock(time)}</td>
              <td class={type}>{expired ? "expired" : type}</td>
              <td class="number">{formatCount(revision)}</td>
              <td class="key">
                <a href={hrefOf("entry", { key })}>{formatKey(key)}</a>
              </td>
              <td class="number">{bytes === undefined ? "" : formatBytes(bytes)}</td>
              <td class="value">{preview}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function idOf({ revision, key }: LiveChange): string {
  return `${revision} ${key}`;
}

/** Both, each change once, the newest first. */
function merge(before: readonly LiveChange[], changes: readonly LiveChange[]): LiveChange[] {
  const all = new Map([...before, ...changes].map((change) => [idOf(change), change]));
  return [...all.values()].toSorted((one, other) => other.revision - one.revision).slice(0, rowsMax);
}

/** The changes from after a revision until now. Rejects with DuetError. */
async function changesSince(
  client: Client,
  prefix: string,
  since: number,
  signal: AbortSignal,
): Promise<LiveChange[]> {
  const { revision: now } = await client.status({ signal });
  let found: LiveChange[] = [];
  if (since >= now) return found;
  await using watch = client.watch({ prefix }, { from: since, existing: false, signal });
  for await (const message of watch) {
    if (message.type === "changes") {
      found = [...found, ...message.changes.map(toLiveChange)].slice(-rowsMax);
    }
    if (message.revision >= now) break;
  }
  return found;
}
