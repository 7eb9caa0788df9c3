import { onTestFinished } from "vitest";
import { createError } from "../../clients/typescript/src/errors.ts";
import {
  type ConnectOptions,
  connect,
  DuetError,
  type ErrorDetails,
  type Transport,
} from "../../clients/typescript/src/index.ts";

/** What a service, or the way to it, fails with. */
export function failure(code: string, details: Partial<ErrorDetails> = {}): DuetError {
  return createError({ code, message: details.reason ?? code, outcome: "nothing", ...details });
}

/** The response to a Get or Put of the key "k". */
export const entryResponse = { revision: "1", entry: { key: "k", value: "v", revision: "1", version: "1" } };

/** A client, until the test is over, of a transport of which only a part matters. */
export function open(
  transport: Partial<Transport>,
  { isBatched = false, ...options }: Partial<ConnectOptions> & { readonly isBatched?: boolean } = {},
) {
  const client = connect({
    url: "test:",
    ...(!isBatched && { batch: false }),
    retry: { baseMs: 1, maxMs: 2 },
    transport: { unary: async () => entryResponse, async *stream() {}, ...transport },
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}
