import type { Client } from "@duetkv/client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { report, session } from "./session.ts";

export interface Loaded<T> {
  /** The last that was loaded; undefined before. */
  readonly value: T | undefined;
  readonly error: Error | undefined;
  /** Loads again; what is shown stays until then. */
  readonly reload: () => void;
}

/**
 * Loads something now, again when one of `inputs` changes, and when somebody signs in. A later load replaces an earlier one
 * that is still under way.
 */
export function useLoad<T>(
  load: (client: Client, signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
): Loaded<T> {
  const { client } = session.value;
  const [state, setState] = useState<{ value: T | undefined; error: Error | undefined }>({
    value: undefined,
    error: undefined,
  });
  const running = useRef<AbortController | undefined>(undefined);
  const reload = useCallback(() => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const run = async () => {
      try {
        const value = await load(client, controller.signal);
        if (!controller.signal.aborted) setState({ value, error: undefined });
      } catch (error) {
        if (controller.signal.aborted) return;
        report(error);
        setState(({ value }) => ({ value, error: error as Error }));
      }
    };
    void run();
  }, [client, ...inputs]);
  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);
  return { ...state, reload };
}
