import { ConflictError, type Entry } from "@duetkv/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatCount, formatKey, quoteForShell } from "../format.ts";
import { DiffView } from "../parts/diff-view.tsx";
import { ErrorNote } from "../parts/error-note.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { goTo, guardPage, hrefOf, route } from "../route.ts";
import { serverTime } from "../server-clock.ts";
import { report, session } from "../session.ts";
import { useLoad } from "../use-load.ts";
import { jsonFault, lineEndOf, sizeOf, type Value, wholeBytesMax } from "../value.ts";

/** Edits the value of a key, or creates one. Nothing that somebody else has written meanwhile is overwritten unseen. */
export function EditPage() {
  const key = route.value.parameters.get("key") ?? undefined;
  const prefix = route.value.parameters.get("prefix") ?? "";
  const { value: loaded, error } = useLoad(
    async (client) => ({ entry: key === undefined ? undefined : await client.get(key) }),
    [key],
  );
  // The draft outlives a token that ends: signing in anew loads the entry again, but nothing that was typed is lost.
  const opened = useRef<{ readonly key: string | undefined; readonly entry: Entry<Value> | undefined }>(
    undefined,
  );
  if (loaded !== undefined && (opened.current === undefined || opened.current.key !== key)) {
    opened.current = { key, entry: loaded.entry };
  }
  const { current } = opened;
  return (
    <>
      <PageHead title={key === undefined ? "New entry" : `Edit ${formatKey(key)}`} />
      <ErrorNote error={error} />
      {current !== undefined && current.key === key && (
        <Editor key={key} name={key ?? prefix} isNew={key === undefined} seen={current.entry} />
      )}
    </>
  );
}

interface EditorProps {
  /** The key, or the beginning of a new one. */
  readonly name: string;
  readonly isNew: boolean;
  readonly seen: Entry<Value> | undefined;
}

function Editor(props: EditorProps) {
  const [name, setName] = useState(props.name);
  // What the draft began with. Taking theirs begins anew.
  const [base, setBase] = useState(props.seen);
  const [draft, setDraft] = useState(textOf(props.seen));
  const [openedSeconds, setOpenedSeconds] = useState(() => secondsLeft(props.seen));
  const [seconds, setSeconds] = useState(openedSeconds);
  const [theirs, setTheirs] = useState<{ readonly entry: Entry<Value> | undefined }>();
  const [error, setError] = useState<Error>();
  const [isSaving, setIsSaving] = useState(false);
  const before = textOf(base);
  const fault = base !== undefined && jsonFault(before) === undefined ? jsonFault(draft) : undefined;

  const isSaved = useRef(false);
  const isChanged = draft !== before || seconds !== openedSeconds || name !== props.name;
  useEffect(() => {
    if (!isChanged) return;
    return guardPage(() => isSaved.current || confirm("Leave without saving?"));
  }, [isChanged]);

  if (base !== undefined && typeof base.value !== "string") {
    const command = `duetkv put --bytes --file FILE -- ${quoteForShell(name) ?? "KEY"}`;
    return (
      <p class="note">
        The value is bytes, which cannot be edited as text. From the command line: <code>{command}</code>
      </p>
    );
  }
  if (base !== undefined && sizeOf(base.value) > wholeBytesMax) {
    return (
      <p class="note">
        The value is too large to be edited here. Use the command line: <code>duetkv edit</code>
      </p>
    );
  }

  const lineEnd = lineEndOf(typeof base?.value === "string" ? base.value : "");
  if (lineEnd === undefined) {
    return (
      <p class="note">
        The lines of the value end in different ways, which this page would not keep. Use the command line:{" "}
        <code>duetkv edit</code>
      </p>
    );
  }

  /** Saves over what was seen last: the base, or theirs once they are shown. */
  async function save(over: Entry<Value> | undefined): Promise<void> {
    const { client } = session.value;
    const ttl = seconds === "" ? {} : { ttlMs: Number(seconds) * 1000 };
    const value = draft.replaceAll("\n", lineEnd ?? "\n");
    setIsSaving(true);
    try {
      if (over === undefined) await client.create(name, value, ttl);
      else await client.replace(over, value, ttl);
      isSaved.current = true;
      goTo("entry", { key: name });
    } catch (cause) {
      report(cause);
      if (cause instanceof ConflictError) {
        setError(undefined);
        await client.get(name).then((entry) => setTheirs({ entry }), setError);
      } else setError(cause as Error);
    } finally {
      setIsSaving(false);
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save(theirs === undefined ? base : theirs.entry);
      }}
    >
      <ErrorNote error={error} />
      {props.isNew && (
        <p>
          <label>
            Key
            <input
              type="text"
              class="wide"
              spellcheck={false}
              autocomplete="off"
              required
              value={name}
              onInput={({ currentTarget }) => {
                setName(currentTarget.value);
                // They were of another key.
                setBase(undefined);
                setTheirs(undefined);
              }}
            />
          </label>
        </p>
      )}
      {theirs !== undefined && (
        <Conflict
          base={before}
          theirs={theirs.entry}
          onTake={() => {
            setBase(theirs.entry);
            setDraft(textOf(theirs.entry));
            const left = secondsLeft(theirs.entry);
            setOpenedSeconds(left);
            setSeconds(left);
            setTheirs(undefined);
          }}
        />
      )}
      <label for="draft">{theirs === undefined ? "Value" : "Mine"}</label>
      <textarea
        id="draft"
        spellcheck={false}
        value={draft}
        aria-describedby="draft-fault"
        aria-invalid={fault !== undefined}
        onInput={({ currentTarget }) => setDraft(currentTarget.value)}
      />
      <p id="draft-fault" class="fault" role="status">
        {fault !== undefined && `Not valid JSON, as the value was before: ${fault}`}
      </p>
      <div class="fields">
        <label>
          Time to live in seconds, empty for none
          <input
            type="number"
            min="1"
            step="1"
            value={seconds}
            onInput={({ currentTarget }) => setSeconds(currentTarget.value)}
          />
        </label>
        <div class="actions">
          <a class="button" href={props.isNew ? hrefOf("browse") : hrefOf("entry", { key: name })}>
            Cancel
          </a>
          <button type="submit" class="primary" disabled={isSaving}>
            {theirs === undefined ? "Save" : "Save mine over theirs"}
          </button>
        </div>
      </div>
      {!props.isNew && draft !== before && (
        <>
          <h2>Difference</h2>
          <DiffView before={before} after={draft} label="Difference to the value before" />
        </>
      )}
    </form>
  );
}

interface ConflictProps {
  readonly base: string;
  readonly theirs: Entry<Value> | undefined;
  readonly onTake: () => void;
}

/** What the draft began with and what somebody has written since, above the draft. */
function Conflict({ base, theirs, onTake }: ConflictProps) {
  const what = theirs === undefined ? "deleted" : `at revision ${formatCount(theirs.revision)}`;
  return (
    <section class="conflict" aria-labelledby="conflict-title">
      <div class="note error" role="alert">
        <p id="conflict-title">
          Somebody else was first: the entry is now {what}. Nothing was saved. Change yours, or take theirs.
        </p>
        <button type="button" onClick={onTake}>
          Take theirs
        </button>
      </div>
      <div class="panes">
        <div>
          <h2>Base</h2>
          <pre tabIndex={0} role="region" aria-label="Base">
            {base}
          </pre>
        </div>
        <div>
          <h2>Theirs</h2>
          <pre tabIndex={0} role="region" aria-label="Theirs">
            {theirs === undefined ? "(deleted)" : textOf(theirs)}
          </pre>
        </div>
      </div>
    </section>
  );
}

/** The value as a text field holds it: with LF at the end of each line. */
function textOf(entry: Entry<Value> | undefined): string {
  if (entry === undefined) return "";
  return typeof entry.value === "string" ? entry.value.replaceAll("\r\n", "\n") : "(bytes)";
}

/** An entry that expires keeps doing so when it is saved again. */
function secondsLeft(entry: Entry<Value> | undefined): string {
  if (entry?.expireTime === undefined) return "";
  return String(Math.max(1, Math.ceil((entry.expireTime.getTime() - serverTime()) / 1000)));
}
