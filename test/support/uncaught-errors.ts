import { onTestFinished } from "vitest";

/** Collects uncaught errors until the test is over, in place of the listeners that let it fail. */
export function collectUncaughtErrors(): readonly unknown[] {
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });
  const errors: unknown[] = [];
  process.on("uncaughtException", (error) => errors.push(error));
  return errors;
}
