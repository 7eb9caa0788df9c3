import { once } from "node:events";
import { escapeUnprintable, toTerminalText } from "./printable.ts";
import type { OutputSettings } from "./settings.ts";

const colors = { red: "\x1b[31m", green: "\x1b[32m", yellow: "\x1b[33m", cyan: "\x1b[36m" } as const;
const colorEnd = "\x1b[39m";

/**
 * The output of a command: results go to stdout, everything else to stderr. On a terminal, nothing that a server sends can move
 * the cursor, also where a command prints it as it is, such as a revision.
 */
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
    process.stdout.write(`${this.terminal ? withoutControls(text) : text}\n`);
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
    if (!this.quiet) process.stderr.write(`${process.stderr.isTTY ? withoutControls(text) : text}\n`);
  }

  /** Prints a warning, also with --quiet. It may quote others. */
  warn(text: string): void {
    process.stderr.write(`duetkv: ${escapeUnprintable(text)}\n`);
  }

  color(name: keyof typeof colors, text: string): string {
    return this.#colored ? `${colors[name]}${text}${colorEnd}` : text;
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

function withoutControls(text: string): string {
  return toTerminalText(text, [...Object.values(colors), colorEnd]);
}
