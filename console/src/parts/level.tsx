import type { Client } from "@duetkv/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatClock, formatKey } from "../format.ts";
import { hrefOf } from "../route.ts";
import { report, session } from "../session.ts";
import { useChanges } from "../use-changes.ts";
import { ErrorNote } from "./error-note.tsx";
import { type LevelNames, type Mark, withChanges, withPage } from "./level-names.ts";

/** How many names are loaded at a time. */
const pageSize = 200;

const empty: LevelNames = { names: [], marks: new Map(), isWhole: false };

/** One level of the tree. Levels below are loaded when they are opened. */
export function Level({ prefix }: { readonly prefix: string }) {
  const { client } = session.value;
  const [level, setLevel] = useState(empty);
  const [isLoading, setIsLoading] = useState(false);
  const [error, setError] = useState<Error>();
  const names = useRef<AsyncIterator<string> | undefined>(undefined);

  async function load(source: AsyncIterator<string>, isFirst: boolean): Promise<void> {
    setIsLoading(true);
    try {
      const page = await take(source, pageSize);
      // Another load has begun meanwhile.
      if (names.current !== source) return;
      setError(undefined);
      setLevel((before) => withPage(isFirst ? { ...before, names: [] } : before, page.names, page.isLast));
    } catch (cause) {
      if (names.current !== source) return;
      report(cause);
      setError(cause as Error);
    }
    setIsLoading(false);
  }

  function reload(): void {
    names.current = openLevel(client, prefix);
    // Changes from now on are kept: the page may be from before them.
    setLevel((before) => ({ ...before, marks: new Map(), isWhole: false }));
    void load(names.current, true);
  }

  useEffect(() => {
    reload();
    return () => {
      names.current = undefined;
    };
  }, [client, prefix]);
  useChanges(
    { keys: [], prefixes: [prefix] },
    {
      onChanges: (changes) => setLevel((before) => withChanges(before, prefix, changes)),
      onFresh: reload,
    },
  );

  return (
    <>
      <ErrorNote error={error} />
      <ul class="level">
        {level.names.map((name) => (
          <Row key={name} prefix={prefix} name={name} mark={level.marks.get(name)} />
        ))}
      </ul>
      {level.isWhole && level.names.length === 0 && <p class="empty">There are no keys here.</p>}
      {!level.isWhole && error === undefined && level.names.length > 0 && (
        <button
          type="button"
          class="more"
          disabled={isLoading}
          onClick={() => names.current !== undefined && void load(names.current, false)}
        >
          More
        </button>
      )}
    </>
  );
}

function Row(props: { readonly prefix: string; readonly name: string; readonly mark: Mark | undefined }) {
  const { prefix, name, mark } = props;
  const [isOpen, setIsOpen] = useState(false);
  const label = formatKey(name.slice(prefix.length) || name);
  // A key that ends with "/" is in the level that it names, where it leads to its entry.
  const isPrefix = name.endsWith("/") && name !== prefix;
  return (
    <li>
      <div class={`row ${mark?.type === "delete" ? "deleted" : ""}`}>
        {isPrefix ? (
          <button
            type="button"
            class="disclose"
            aria-expanded={isOpen}
            aria-label={`Open ${label}`}
            onClick={() => setIsOpen(!isOpen)}
          />
        ) : (
          <span class="leaf" />
        )}
        <a href={isPrefix ? hrefOf("browse", { prefix: name }) : hrefOf("entry", { key: name })}>{label}</a>
        {mark !== undefined && (
          <span class={`mark ${mark.type}`} key={mark.time.getTime()}>
            {mark.type === "delete" ? "deleted" : "changed"} {formatClock(mark.time)}
          </span>
        )}
      </div>
      {isOpen && <Level prefix={name} />}
    </li>
  );
}

function openLevel(client: Client, prefix: string): AsyncIterator<string> {
  return client.dirs(prefix, { pageSize })[Symbol.asyncIterator]();
}

async function take(
  source: AsyncIterator<string>,
  count: number,
): Promise<{ names: string[]; isLast: boolean }> {
  const names: string[] = [];
  while (names.length < count) {
    const { done, value } = await source.next();
    if (done === true) return { names, isLast: true };
    names.push(value);
  }
  return { names, isLast: false };
}
