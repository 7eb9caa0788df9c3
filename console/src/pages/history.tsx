import type { Change } from "@duetkv/client";
import { useState } from "preact/hooks";
import { formatBytes, formatCount, formatKey, formatTime } from "../format.ts";
import { DiffView } from "../parts/diff-view.tsx";
import { ErrorNote } from "../parts/error-note.tsx";
import { KeyPath } from "../parts/key-path.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { goTo, hrefOf, route } from "../route.ts";
import { report, session } from "../session.ts";
import { useChanges } from "../use-changes.ts";
import { useLoad } from "../use-load.ts";
import { formatJson, toHex, toPreview, type Value } from "../value.ts";

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
      const versions: Change<Value>[] = [];
      for await (const change of client.history(key)) {
        versions.push(change);
        if (versions.length === versionsMax) break;
      }
      const [{ oldestRevision }, current] = await Promise.all([client.status(), client.get(key)]);
      return { versions, oldestRevision, current };
    },
    [key],
  );
  const [chosen, setChosen] = useState<{ readonly from?: number; readonly to?: number }>({});
  const [failure, setFailure] = useState<Error>();
  useChanges({ keys: [key], prefixes: [] }, { onChanges: reload, onFresh: reload });
  const versions = loaded?.versions ?? [];
  const from = versions.find(({ revision }) => revision === chosen.from) ?? versions[1];
  const to = versions.find(({ revision }) => revision === chosen.to) ?? versions[0];

  /** Writes an old value again, unless somebody has written since the history was read. */
  async function revert(value: Value): Promise<void> {
    const { client } = session.value;
    try {
      if (loaded?.current === undefined) await client.create(key, value);
      else await client.replace(loaded.current, value);
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
                  onRevert={(value) => void revert(value)}
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
          <DiffView before={textOf(from)} after={textOf(to)} label="Difference of the two versions" />
        </>
      )}
    </>
  );
}

interface VersionProps {
  readonly version: Change<Value>;
  readonly isCurrent: boolean;
  readonly isFrom: boolean;
  readonly isTo: boolean;
  readonly onFrom: () => void;
  readonly onTo: () => void;
  readonly onRevert: (value: Value) => void;
}

function Version({ version, isCurrent, isFrom, isTo, onFrom, onTo, onRevert }: VersionProps) {
  const { revision, time, type, expired, entry } = version;
  const { bytes, preview } = toPreview(entry?.value);
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
        {entry !== undefined && !isCurrent && (
          <button type="button" aria-label={`Revert to ${revision}`} onClick={() => onRevert(entry.value)}>
            Revert
          </button>
        )}
      </td>
    </tr>
  );
}

function textOf({ entry }: Change<Value>): string {
  if (entry === undefined) return "";
  if (typeof entry.value !== "string") return toHex(entry.value);
  return formatJson(entry.value) ?? entry.value;
}
