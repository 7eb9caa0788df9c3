import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { ContentTally } from "../content-tally.ts";
import { CommandFailure } from "../failure.ts";
import type { EntryContent } from "./entry-content.ts";

interface SavedState {
  /** The number of entries that are stored. */
  readonly count: number;
  /** A hash of these entries and the target. It detects another import, which must not be resumed. */
  readonly sha256: string;
}

/** Where an import stores its entries. */
export interface ImportTarget {
  readonly storeId: string;
  readonly prefix: string;
  readonly toPrefix: string;
}

/** The progress of an import, kept in a file so that a later import can resume. Without a file nothing is kept. */
export class ImportState {
  readonly #path: string | undefined;
  readonly #target: readonly string[];
  readonly #saved: SavedState | undefined;
  readonly #passed = new ContentTally();

  /** Throws CommandFailure when the file is invalid. */
  constructor(path: string | undefined, { storeId, prefix, toPrefix }: ImportTarget) {
    this.#path = path;
    this.#target = [storeId, prefix, toPrefix];
    this.#saved = path === undefined ? undefined : readState(path);
  }

  /** Processes the next entry of the export and returns whether it is stored already. Throws CommandFailure. */
  isStored(entry: EntryContent): boolean {
    this.#passed.add(entry);
    const { count, sha256 } = this.#saved ?? { count: 0, sha256: "" };
    if (this.#passed.count === count && this.#digest() !== sha256) throw this.#otherImport();
    return this.#passed.count <= count;
  }

  /** Records that all processed entries are stored. */
  save(): void {
    const { count } = this.#passed;
    if (this.#path === undefined || count < (this.#saved?.count ?? 0)) return;
    const draft = `${this.#path}.${process.pid}`;
    writeFileSync(draft, JSON.stringify({ count, sha256: this.#digest() } satisfies SavedState), {
      mode: 0o600,
    });
    renameSync(draft, this.#path);
  }

  /** Removes the file of a complete import. Throws CommandFailure when the export has fewer entries than the state. */
  finish(): void {
    if (this.#passed.count < (this.#saved?.count ?? 0)) throw this.#otherImport();
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
  }

  #digest(): string {
    return createHash("sha256")
      .update(JSON.stringify([...this.#target, this.#passed.digest()]))
      .digest("hex");
  }

  #otherImport(): CommandFailure {
    return mistake(`${this.#path} is the state of another import: of another export, store or prefix`);
  }
}

function readState(path: string): SavedState | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw mistake(`cannot read ${path}: ${(error as Error).message}`);
  }
  const [, count, sha256] = /^\{"count":(\d{1,15}),"sha256":"([0-9a-f]{64})"\}$/.exec(text) ?? [];
  if (sha256 === undefined) throw mistake(`${path} is not the state of an import`);
  return { count: Number(count), sha256 };
}

function mistake(message: string): CommandFailure {
  return new CommandFailure({
    outcome: "usage",
    reason: "STATE_INVALID",
    message,
    advice: "Name another file with --resume, or remove this one to start over.",
  });
}
