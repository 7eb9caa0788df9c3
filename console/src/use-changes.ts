import { useEffect, useRef } from "preact/hooks";
import type { Listener } from "./live/live.ts";
import type { Selection } from "./live/selection.ts";
import { live } from "./session.ts";

/** Hears of changes while the component is shown. */
export function useChanges(selection: Selection, listener: Partial<Listener>): void {
  // The newest functions are called, without a new subscription for each render.
  const newest = useRef(listener);
  newest.current = listener;
  const source = live.value;
  useEffect(
    () =>
      source?.subscribe(selection, {
        onChanges: (changes) => newest.current.onChanges?.(changes),
        onFresh: () => newest.current.onFresh?.(),
        onRefused: (error) => newest.current.onRefused?.(error),
      }),
    [source, JSON.stringify(selection)],
  );
}
