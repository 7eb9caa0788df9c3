import type { Client } from "@duetkv/client";
import { useState } from "preact/hooks";
import { formatBytes, formatCount, formatKey, formatTime } from "../format.ts";
import type { LiveChange } from "../live/live-change.ts";
import { toLiveChange } from "../live/to-live-change.ts";
import { DiffView } from "../parts/diff-view.tsx";
import { ErrorNote } from "../parts/error-note.tsx";
import { KeyPath } from "../parts/key-path.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { goTo, hrefOf, route } from "../route.ts";
import { serverTime } from "../server-clock.ts";
import { report, session } from "../session.ts";
import { useChanges } from "../use-changes.ts";
import { useLoad } from "../use-load.ts";
import { formatJson, sizeOf, toHex, type Value, wholeBytesMax } from "../value.ts";

/** At most so many versions are shown. */
const versionsMax = 200;

/** The versions of a key as far as the history of the store reaches, the difference of any two, and the way back. */
export function HistoryPage() {
  const key = route.value.parameters.get("key") ?? "";
  const {
    value: loaded,
    error,
    reload,
  } = useLoad(
    async (client) => {
      // Without the values, of which 200 large ones would fill the memory.
      const versions: LiveChange[] = [];
      for await (const change of client.history(key)) {
        versions.push(toLiveChange(change));
        if (versions.length === versionsMax) break;
      }
      const { oldestRevision } = await client.status();
      return { versions, oldestRevision };
    },
    [key],
  );
  const [chosen, setChosen] = useState<{ readonly from?: number; readonly to?: number }>({});
  const [failure, setFailure] = useState<Error>();
  useChanges({ keys: [key], prefixes: [] }, { onChanges: reload, onFresh: reload });
  const versions = loaded?.versions ?? [];
  const from = versions.find(({ revision }) => revision === chosen.from) ?? versions[1];
  const to = versions.find(({ revision }) => revision === chosen.to) ?? versions[0];

  /** Writes an old value again, unless there is a version that is not shown. An entry that expires keeps doing so. */
  async function revert(revision: number): Promise<void> {
    const { client } = session.value;
    const newest = versions[0];
    try {
      const [old, current] = await Promise.all([client.get(key, { atRevision: revision }), client.get(key)]);
      if (old === undefined) throw new Error(`there is no entry at revision ${revision}`);
      const expires = current?.expireTime?.getTime();
      const ttl = expires === undefined ? {} : { ttlMs: Math.max(1000, expires - serverTime()) };
      if (newest?.type === "put") await client.put(key, old.value, { ...ttl, ifRevision: newest.revision });
      else await client.create(key, old.value);
      goTo("entry", { key });
    } catch (cause) {
      report(cause);
      setFailure(cause as Error);
      reload();
    }
  }

  return (
    <>
      <PageHead title={`History of ${formatKey(key)}`}>
        <a class="button" href={hrefOf("entry", { key })}>
          Entry
        </a>
      </PageHead>
      <KeyPath path={key} />
      <ErrorNote error={failure ?? error} />
      {loaded !== undefined && (
        <p class="quiet">
          The history of the store reaches back to revision {formatCount(loaded.oldestRevision)}.
          {versions.length === versionsMax && ` The newest ${versionsMax} versions are shown.`}
        </p>
      )}
      {loaded !== undefined && versions.length === 0 && (
        <p class="empty">No change of this key is in the history.</p>
      )}
      {versions.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Versions">
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col" class="number">
                  Revision
                </th>
                <th scope="col">Time</th>
                <th scope="col">Change</th>
                <th scope="col" class="number">
                  Size
                </th>
                <th scope="col">Value</th>
                <th scope="col">
                  <span class="unseen">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {versions.map((version, index) => (
                <Version
                  key={version.revision}
                  version={version}
                  isCurrent={index === 0}
                  isFrom={version === from}
                  isTo={version === to}
                  onFrom={() => setChosen({ ...chosen, from: version.revision })}
                  onTo={() => setChosen({ ...chosen, to: version.revision })}
                  onRevert={() => void revert(version.revision)}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {from !== undefined && to !== undefined && (
        <>
          <h2>
            Revision {formatCount(from.revision)} to {formatCount(to.revision)}
          </h2>
          <VersionDiff name={key} from={from} to={to} />
        </>
      )}
    </>
  );
}

interface VersionProps {
  readonly version: LiveChange;
  readonly isCurrent: boolean;
  readonly isFrom: boolean;
  readonly isTo: boolean;
  readonly onFrom: () => void;
  readonly onTo: () => void;
  readonly onRevert: () => void;
}

function Version({ version, isCurrent, isFrom, isTo, onFrom, onTo, onRevert }: VersionProps) {
  const { revision, time, type, expired, bytes, preview } = version;
  return (
    <tr>
      <td>
        <input type="radio" name="from" aria-label={`from ${revision}`} checked={isFrom} onChange={onFrom} />
      </td>
      <td>
        <input type="radio" name="to" aria-label={`to ${revision}`} checked={isTo} onChange={onTo} />
      </td>
      <td class="number">{formatCount(revision)}</td>
      <td class="time">{formatTime(time)}</td>
      <td class={type}>{expired ? "expired" : type}</td>
      <td class="number">{bytes === undefined ? "" : formatBytes(bytes)}</td>
      <td class="value">{preview}</td>
      <td>
        {type === "put" && !isCurrent && (
          <button type="button" aria-label={`Revert to ${revision}`} onClick={onRevert}>
            Revert
          </button>
        )}
      </td>
    </tr>
  );
}

interface VersionDiffProps {
  readonly name: string;
  readonly from: LiveChange;
  readonly to: LiveChange;
}

function VersionDiff({ name, from, to }: VersionDiffProps) {
  const { value: values, error } = useLoad(
    (client) => Promise.all([valueAt(client, name, from), valueAt(client, name, to)]),
    [name, from.revision, to.revision],
  );
  if (values === undefined) return <ErrorNote error={error} />;
  if (values.some((value) => sizeOf(value) > wholeBytesMax)) {
    return (
      <p class="note">
        The values are too large to be compared here. Use the command line: <code>duetkv diff</code>
      </p>
    );
  }
  const [before, after] = values.map(textOf);
  return <DiffView before={before ?? ""} after={after ?? ""} label="Difference of the two versions" />;
}

/** The value of a version; empty if it is a delete. Rejects with DuetError. */
async function valueAt(client: Client, key: string, { type, revision }: LiveChange): Promise<Value> {
  return (type === "put" && (await client.get(key, { atRevision: revision }))?.value) || "";
}

function textOf(value: Value): string {
  return typeof value === "string" ? (formatJson(value) ?? value) : toHex(value);
}
