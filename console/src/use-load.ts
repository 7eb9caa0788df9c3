import type { Client } from "@duetkv/client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { report, session } from "./session.ts";

export interface Loaded<T> {
  /** The last that was loaded for these inputs; undefined before. */
  readonly value: T | undefined;
  readonly error: Error | undefined;
  /** Loads again, after the load that is under way; what is shown stays until then. */
  readonly reload: () => void;
}

interface State<T> extends Pick<Loaded<T>, "value" | "error"> {
  /** What loaded it: there is another one when an input changes or somebody signs in. */
  readonly by: (() => void) | undefined;
}

/**
 * Loads something now, again when one of `inputs` changes, and when somebody signs in. What was loaded for other inputs, or
 * for somebody else, is not shown.
 */
export function useLoad<T>(
  load: (client: Client, signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
): Loaded<T> {
  const { client } = session.value;
  const [{ value, error, by }, setState] = useState<State<T>>({
    value: undefined,
    error: undefined,
    by: undefined,
  });
  const running = useRef<{ readonly controller: AbortController; isStale: boolean } | undefined>(undefined);
  const reload = useCallback(() => {
    if (running.current !== undefined) {
      // Ended and begun again for each change, it would never end while changes are frequent.
      running.current.isStale = true;
      return;
    }
    const own = { controller: new AbortController(), isStale: false };
    running.current = own;
    const { signal } = own.controller;
    const run = async () => {
      do {
        own.isStale = false;
        try {
          const loaded = await load(client, signal);
          if (!signal.aborted) setState({ value: loaded, error: undefined, by: reload });
        } catch (cause) {
          if (signal.aborted) return;
          report(cause);
          setState((before) => ({
            value: before.by === reload ? before.value : undefined,
            error: cause as Error,
            by: reload,
          }));
        }
      } while (own.isStale && !signal.aborted);
      if (running.current === own) running.current = undefined;
    };
    void run();
  }, [client, ...inputs]);
  useEffect(() => {
    reload();
    return () => {
      running.current?.controller.abort();
      running.current = undefined;
    };
  }, [reload]);
  return by === reload ? { value, error, reload } : { value: undefined, error: undefined, reload };
}
