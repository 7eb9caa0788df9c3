/** Frames between two looks at the clock. */
const framesBetween = 32;

/** How long a connection may work before others get their turn: a chunk of small requests is 1,000 calls. */
export class Turn {
  readonly #milliseconds: number;
  #framesLeft = framesBetween;
  #startedAt = 0;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  begin(): void {
    this.#framesLeft = framesBetween;
    this.#startedAt = performance.now();
  }

  /** Work beyond that of ordinary frames. */
  spend(frames: number): void {
    this.#framesLeft -= frames;
  }

  /** Asked after each frame. */
  get isOver(): boolean {
    if (--this.#framesLeft > 0) return false;
    this.#framesLeft = framesBetween;
    return performance.now() - this.#startedAt >= this.#milliseconds;
  }
}
