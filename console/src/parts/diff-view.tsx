import { diffLines, withoutFar } from "./line-diff.ts";

const signs = { same: " ", removed: "−", added: "+" };

/** What differs between two texts, with three lines around each change. */
export function DiffView(props: { readonly before: string; readonly after: string; readonly label: string }) {
  const { before, after, label } = props;
  if (before === after) return <p class="quiet">No difference.</p>;
  return (
    <pre class="diff" tabIndex={0} role="region" aria-label={label}>
      {withoutFar(diffLines(before, after), 3).map((line, index) =>
        line === undefined ? (
          <span class="gap" key={index}>
            ⋯
          </span>
        ) : (
          <span class={line.type} key={index}>
            {signs[line.type]} {line.text}
          </span>
        ),
      )}
    </pre>
  );
}
