import { useEffect, useState } from "preact/hooks";
import { formatKey } from "../format.ts";
import { KeyPath } from "../parts/key-path.tsx";
import { Level } from "../parts/level.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { goTo, hrefOf, route } from "../route.ts";
import { identity } from "../session.ts";

/** The keys as a tree by `/`, level by level. */
export function Browse() {
  const prefix = route.value.parameters.get("prefix") ?? "";
  const [text, setText] = useState(prefix);
  useEffect(() => setText(prefix), [prefix]);
  return (
    <>
      <PageHead title="Browse">
        {prefix !== "" && (
          <>
            <a class="button" href={hrefOf("watch", { prefix })}>
              Watch
            </a>
            <a class="button danger" href={hrefOf("bulk", { prefix })}>
              Delete all
            </a>
          </>
        )}
        <a class="button" href={hrefOf("edit", prefix.endsWith("/") ? { prefix } : {})}>
          New entry
        </a>
      </PageHead>
      <div class="bar">
        <KeyPath path={prefix} />
        <form
          class="filter"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            goTo("browse", text === "" ? {} : { prefix: text });
          }}
        >
          <label>
            Keys that begin with
            <input
              type="text"
              spellcheck={false}
              autocomplete="off"
              value={text}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
          </label>
          <button type="submit">Show</button>
        </form>
      </div>
      {prefix === "" ? <Roots /> : <Level prefix={prefix} key={prefix} />}
    </>
  );
}

/** What the identity may see: all, or the prefixes that the policy grants. */
function Roots() {
  const found = identity.value;
  if (found === undefined) return <Level prefix="" />;
  const prefixes = [
    ...new Set(
      found.grants
        .filter(({ deny, rights }) => !deny && (rights.includes("list") || rights.includes("*")))
        .map(({ prefix }) => prefix),
    ),
  ];
  if (prefixes.length === 0 || prefixes.includes("")) return <Level prefix="" />;
  return (
    <>
      {prefixes.map((prefix) => (
        <section key={prefix} aria-label={formatKey(prefix)}>
          <h2>
            <a href={hrefOf("browse", { prefix })}>{formatKey(prefix)}</a>
          </h2>
          <Level prefix={prefix} />
        </section>
      ))}
    </>
  );
}
