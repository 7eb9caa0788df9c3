import { DuetError } from "../../errors.ts";

/** When a pin is ended that was not released. */
export interface PinBounds {
  /** How long it may be held, in milliseconds. */
  readonly msMax: number;
  /** How many bytes of pages and records may be retired meanwhile and kept, for this pin or a later one. */
  readonly retiredBytesMax: number;
  /** Called when the pin was ended. It must not change the tree. */
  readonly onEnded?: () => void;
}

/** Keeps a version readable by the thread that writes, until it is released or ended. */
export class Pin {
  readonly version: number;
  /** That of the version's state. */
  readonly revision: number;
  /** When it began, in milliseconds of the clock of `Versions`. */
  readonly #since: number;
  readonly #keptBytesBefore: number;
  readonly #bounds: PinBounds;
  #isReleased = false;
  /** Why it was ended; undefined: it was not. */
  #ended: string | undefined;

  /** `keptBytes`: all bytes that were kept for pins before. */
  constructor(version: number, revision: number, bounds: PinBounds, now: number, keptBytes: number) {
    this.version = version;
    this.revision = revision;
    this.#bounds = bounds;
    this.#since = now;
    this.#keptBytesBefore = keptBytes;
  }

  /** Throws when the version may be gone: DuetError SNAPSHOT_TOO_SLOW after the pin was ended, Error after its release. */
  check(): void {
    if (this.#ended !== undefined) {
      throw new DuetError("SNAPSHOT_TOO_SLOW", `the snapshot was not read fast enough: ${this.#ended}`);
    }
    if (this.#isReleased) throw new Error("the snapshot was read after its release");
  }

  release(): void {
    this.#isReleased = true;
  }

  /** Why the pin exceeds its bounds; undefined: it does not. `keptBytes`: all bytes that were ever kept. */
  excess(now: number, keptBytes: number): string | undefined {
    const { msMax, retiredBytesMax } = this.#bounds;
    if (now - this.#since > msMax) return `it was held for more than ${msMax} ms`;
    return keptBytes - this.#keptBytesBefore > retiredBytesMax
      ? `more than ${retiredBytesMax} bytes were overwritten meanwhile`
      : undefined;
  }

  /** Later reads throw. */
  end(why: string): void {
    this.#ended = why;
  }

  /** To be called when the tree may be read again after the end. */
  tellEnd(): void {
    this.#bounds.onEnded?.();
  }
}
