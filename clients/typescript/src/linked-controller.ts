/** Aborts when one of its sources does. Unlike with AbortSignal.any, no source keeps what has been unlinked. */
export class LinkedController extends AbortController {
  readonly #sources: readonly (AbortSignal | undefined)[];
  readonly #abort = (): void => this.abort();

  constructor(...sources: readonly (AbortSignal | undefined)[]) {
    super();
    this.#sources = sources;
    for (const source of sources) {
      source?.addEventListener("abort", this.#abort);
      if (source?.aborted === true) this.abort();
    }
  }

  unlink(): void {
    for (const source of this.#sources) source?.removeEventListener("abort", this.#abort);
  }
}
