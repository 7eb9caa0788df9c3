import { useEffect, useRef, useState } from "preact/hooks";
import { deleteBelow, type Progress } from "../delete-below.ts";
import { formatCount, formatKey } from "../format.ts";
import { ErrorNote } from "../parts/error-note.tsx";
import { KeyPath } from "../parts/key-path.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { hrefOf, route } from "../route.ts";
import { report, session } from "../session.ts";
import { useLoad } from "../use-load.ts";

/** Deletes everything below a prefix: tells how much that is, and asks for the prefix. */
export function BulkPage() {
  const prefix = route.value.parameters.get("prefix") ?? "";
  return <Bulk key={prefix} prefix={prefix} />;
}

function Bulk({ prefix }: { readonly prefix: string }) {
  const {
    value: counted,
    error,
    reload,
  } = useLoad(
    async (client, signal) => {
      const { revision } = await client.status({ signal });
      return { revision, count: await client.count({ prefix }, { atRevision: revision, signal }) };
    },
    [prefix],
  );
  const count = counted?.count;
  const [typed, setTyped] = useState("");
  const [progress, setProgress] = useState<Progress>();
  const [isOver, setIsOver] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const running = useRef<AbortController | undefined>(undefined);
  const isRunning = progress !== undefined && !isOver;

  // Nothing is deleted that is not shown.
  useEffect(() => () => running.current?.abort(), []);

  /** Deletes what was counted, and nothing that came later. */
  async function run(revision: number): Promise<void> {
    const controller = new AbortController();
    running.current = controller;
    setFailure(undefined);
    setIsOver(false);
    setProgress({ deleted: 0, kept: 0 });
    try {
      await deleteBelow(session.value.client, prefix, revision, controller.signal, setProgress);
    } catch (cause) {
      if (!controller.signal.aborted) {
        report(cause);
        setFailure(cause as Error);
      }
    }
    setIsOver(true);
    setTyped("");
    reload();
  }

  return (
    <>
      <PageHead title="Delete all below" />
      <KeyPath path={prefix} />
      <ErrorNote error={failure ?? error} />
      {prefix === "" && (
        <p class="note">Choose a level in Browse first: the whole store is not deleted here.</p>
      )}
      {prefix !== "" && counted !== undefined && count !== undefined && (
        <form
          class="bulk"
          onSubmit={(event) => {
            event.preventDefault();
            void run(counted.revision);
          }}
        >
          <p>
            <strong>{formatCount(count)}</strong> {count === 1 ? "key begins" : "keys begin"} with{" "}
            <code>{formatKey(prefix)}</code>. A key that somebody changes meanwhile is kept.
          </p>
          <label>
            Type the prefix to confirm
            <input
              type="text"
              class="wide"
              spellcheck={false}
              autocomplete="off"
              value={typed}
              disabled={isRunning}
              onInput={({ currentTarget }) => setTyped(currentTarget.value)}
            />
          </label>
          <div class="actions">
            <a class="button" href={hrefOf("browse", { prefix })}>
              Back
            </a>
            {isRunning ? (
              <button type="button" onClick={() => running.current?.abort()}>
                Cancel
              </button>
            ) : (
              <button type="submit" class="danger" disabled={typed !== prefix || count === 0}>
                Delete {formatCount(count)} {count === 1 ? "key" : "keys"}
              </button>
            )}
          </div>
        </form>
      )}
      {progress !== undefined && count !== undefined && (
        <div class="progress">
          <progress
            aria-label="Keys deleted"
            max={isOver ? 1 : Math.max(count, 1)}
            value={isOver ? 1 : progress.deleted + progress.kept}
          />
          <p role="status">
            {isOver ? "Done: " : ""}
            {formatCount(progress.deleted)} deleted, {formatCount(progress.kept)} kept
          </p>
        </div>
      )}
    </>
  );
}
