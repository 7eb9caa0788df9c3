import type { Entry } from "@duetkv/client";
import { useState } from "preact/hooks";
import { formatCount, formatKey, formatTime } from "../format.ts";
import { Countdown } from "../parts/countdown.tsx";
import { ErrorNote } from "../parts/error-note.tsx";
import { KeyPath } from "../parts/key-path.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { ValueView } from "../parts/value-view.tsx";
import { hrefOf, route } from "../route.ts";
import { report, session } from "../session.ts";
import { useChanges } from "../use-changes.ts";
import { useLoad } from "../use-load.ts";
import { toBytes, type Value } from "../value.ts";

/** One entry: its value, and what is known of it. It follows the changes of the key. */
export function EntryPage() {
  const key = route.value.parameters.get("key") ?? "";
  const {
    value: loaded,
    error,
    reload,
  } = useLoad(async (client) => ({ entry: await client.get(key) }), [key]);
  const [failure, setFailure] = useState<Error>();
  useChanges({ keys: [key], prefixes: [] }, { onChanges: reload, onFresh: reload });
  const entry = loaded?.entry;

  async function remove({ revision }: Entry<Value>): Promise<void> {
    if (!confirm(`Delete ${formatKey(key)}?`)) return;
    try {
      await session.value.client.delete(key, { ifRevision: revision });
      setFailure(undefined);
      reload();
    } catch (cause) {
      report(cause);
      setFailure(cause as Error);
    }
  }

  return (
    <>
      <PageHead title={formatKey(key)}>
        {entry !== undefined && (
          <>
            <button type="button" onClick={() => download(entry)}>
              Download
            </button>
            <button type="button" class="danger" onClick={() => void remove(entry)}>
              Delete
            </button>
          </>
        )}
        <a class="button" href={hrefOf("history", { key })}>
          History
        </a>
        <a class="button primary" href={hrefOf("edit", { key })}>
          {entry === undefined ? "Create" : "Edit"}
        </a>
      </PageHead>
      <KeyPath path={key} />
      <ErrorNote error={failure ?? error} />
      {loaded !== undefined && entry === undefined && <p class="empty">There is no such key.</p>}
      {entry !== undefined && (
        <div class="entry">
          <ValueView value={entry.value} />
          <Facts entry={entry} />
        </div>
      )}
    </>
  );
}

function Facts({ entry }: { readonly entry: Entry<Value> }) {
  return (
    <dl class="facts">
      <dt>Revision</dt>
      <dd>{formatCount(entry.revision)}</dd>
      <dt>Version</dt>
      <dd>{formatCount(entry.version)}</dd>
      <dt>Created at revision</dt>
      <dd>{formatCount(entry.createRevision)}</dd>
      <dt>Updated</dt>
      <dd>
        <time dateTime={entry.updateTime.toISOString()}>{formatTime(entry.updateTime)}</time>
      </dd>
      <dt>Expires</dt>
      <dd>
        <Countdown until={entry.expireTime} />
      </dd>
      <dt>Written as</dt>
      <dd>{typeof entry.value === "string" ? "text" : "bytes"}</dd>
    </dl>
  );
}

function download({ key, value }: Entry<Value>): void {
  // With the type of text, Chromium would add ".txt" to the name.
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([toBytes(value)], { type: "application/octet-stream" }));
  link.download = key.slice(key.lastIndexOf("/") + 1) || "value";
  link.click();
  URL.revokeObjectURL(link.href);
}
