import { once } from "node:events";
import { escapeUnprintable } from "./printable.ts";
import type { OutputSettings } from "./settings.ts";

const colors = { red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** The output of a command: results go to stdout, everything else to stderr. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether stdout is a terminal. */
  readonly terminal = process.stdout.isTTY;
  readonly #colored: boolean;

  constructor({ json, quiet, noColor }: OutputSettings) {
    this.json = json;
    this.quiet = quiet;
    this.#colored = this.terminal && !noColor && process.env["TERM"] !== "dumb";
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  bytes(bytes: Uint8Array): void {
    process.stdout.write(bytes);
  }

  /** Prints one JSON object on a line. JSON leaves some characters as they are that move the cursor or are invisible. */
  object(value: unknown): void {
    const text = JSON.stringify(value);
    this.line(this.terminal ? escapeUnprintable(text) : text);
  }

  /** Prints information that is not a result; omitted with --quiet. */
  note(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`);
  }

  /** Prints a warning, also with --quiet. It may quote others. */
  warn(text: string): void {
    process.stderr.write(`duetkv: ${escapeUnprintable(text)}\n`);
  }

  color(name: keyof typeof colors, text: string): string {
    return this.#colored ? `\x1b[${colors[name]}m${text}\x1b[39m` : text;
  }

  /** Resolves when stdout accepts more data, which bounds the memory of unread output. */
  async drained(): Promise<void> {
    if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
  }

  /** Resolves when everything is written and the process can exit. */
  async flushed(): Promise<void> {
    if (process.stdout.writableLength === 0) return;
    await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
  }
}
