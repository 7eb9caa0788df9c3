import { formatKey } from "../format.ts";
import { hrefOf } from "../route.ts";

/** A key or prefix; each part before a `/` leads to that level. */
export function KeyPath({ path }: { readonly path: string }) {
  const ends = Array.from(path.matchAll(/\//g), ({ index }) => index + 1);
  const levels = ends.filter((end) => end < path.length);
  const rest = path.slice(levels.at(-1) ?? 0);
  return (
    <nav class="key-path" aria-label="Levels">
      {path === "" ? <span aria-current="location">all keys</span> : <a href={hrefOf("browse")}>all</a>}
      {levels.map((end, index) => (
        <a key={end} href={hrefOf("browse", { prefix: path.slice(0, end) })}>
          {formatKey(path.slice(levels[index - 1] ?? 0, end))}
        </a>
      ))}
      {path !== "" && <span aria-current="location">{formatKey(rest)}</span>}
    </nav>
  );
}
