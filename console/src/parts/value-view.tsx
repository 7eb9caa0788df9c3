import { useState } from "preact/hooks";
import { formatBytes } from "../format.ts";
import { formatJson, previewBytes, sizeOf, toBytes, toHex, type Value, wholeBytesMax } from "../value.ts";

type View = "json" | "text" | "hex";

/** A value as JSON, text or bytes. Of a large one, the beginning. */
export function ValueView({ value }: { readonly value: Value }) {
  const bytes = sizeOf(value);
  const isLarge = bytes > wholeBytesMax;
  const json = isLarge ? undefined : formatJson(value);
  const views: View[] = [
    ...(json === undefined ? [] : ["json" as const]),
    ...(typeof value === "string" ? ["text" as const] : []),
    "hex",
  ];
  const [chosen, setChosen] = useState<View>();
  const view = chosen !== undefined && views.includes(chosen) ? chosen : (views[0] as View);
  const shown = isLarge ? value.slice(0, previewBytes) : value;
  return (
    <section aria-label="Value" class="value">
      <div class="bar">
        <fieldset class="views">
          <legend class="unseen">Show as</legend>
          {views.map((each) => (
            <label key={each}>
              <input type="radio" name="view" checked={each === view} onChange={() => setChosen(each)} />
              {each === "json" ? "JSON" : each}
            </label>
          ))}
        </fieldset>
        <span class="quiet">
          {formatBytes(bytes)}
          {isLarge && `, of which the first ${formatBytes(previewBytes)} are shown`}
        </span>
      </div>
      {/* It scrolls, so that the keyboard must reach it. */}
      <pre tabIndex={0} aria-label={`Value as ${view}`} role="region">
        {view === "json" ? json : view === "text" ? String(shown) : toHex(toBytes(shown))}
      </pre>
    </section>
  );
}
