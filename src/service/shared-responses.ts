import type { WatchResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { ChangeSet } from "../database.ts";

/** The most bytes of change sets whose responses are kept. The newest is always kept. */
const bytesMax = 1024 * 1024;

/**
 * The latest responses by their change set. A WeakMap would keep each response and its encoded bytes as long as the
 * history keeps the change set.
 */
export class SharedResponses {
  readonly #responses = new Map<ChangeSet, WatchResponse>();
  #bytes = 0;

  get(set: ChangeSet): WatchResponse | undefined {
    return this.#responses.get(set);
  }

  add(set: ChangeSet, response: WatchResponse): void {
    this.#responses.set(set, response);
    this.#bytes += set.bytes;
    for (const oldest of this.#responses.keys()) {
      if (this.#bytes <= bytesMax || oldest === set) break;
      this.#responses.delete(oldest);
      this.#bytes -= oldest.bytes;
    }
  }
}
