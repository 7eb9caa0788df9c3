import { toCountText } from "./units.ts";

/** The shortest interval between updates, in milliseconds: a remote terminal is slow. */
const pauseMs = 100;

/** Shows the progress of a long command on one line of the terminal; nothing in a pipe. */
export class Progress {
  readonly #what: string;
  /** Whether anybody sees it. */
  readonly shown: boolean;
  readonly #start = performance.now();
  /** When the line was last written, undefined before it was. */
  #last: number | undefined;

  /** `what` is the counted unit: "entries". */
  constructor(what: string, quiet: boolean) {
    this.#what = what;
    this.shown = process.stderr.isTTY && !quiet;
  }

  /** Updates the line. `total` is 0 while it is unknown. */
  update(done: number, total = 0): void {
    const now = performance.now();
    if (!this.shown || (this.#last !== undefined && now - this.#last < pauseMs)) return;
    this.#last = now;
    const seconds = (now - this.#start) / 1000;
    const rate = `${toCountText(Math.round(done / Math.max(seconds, 0.001)))}/s`;
    const count = `${toCountText(done)}${total > 0 ? ` of ${toCountText(total)}` : ""} ${this.#what}`;
    this.#write(`${total > 0 ? `${toBar(done / total)} ` : ""}${count}, ${rate}`);
  }

  /** Removes the line. */
  end(): void {
    if (this.#last !== undefined) this.#write("");
  }

  #write(text: string): void {
    process.stderr.write(`\r${text}\x1b[K`);
  }
}

function toBar(share: number): string {
  const width = 20;
  const full = Math.round(Math.min(share, 1) * width);
  return `[${"#".repeat(full)}${" ".repeat(width - full)}] ${Math.floor(Math.min(share, 1) * 100)} %`;
}
