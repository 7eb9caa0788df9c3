/** Measures, from sweep to sweep, how long something has been as it is. */
export class StallTimer {
  #state: number | undefined = undefined;
  #since = 0;

  /** `state` is a number that another state would not have, or undefined when there is nothing to time. Returns milliseconds. */
  elapsed(state: number | undefined, now: number): number {
    if (state === undefined || state !== this.#state) {
      this.#state = state;
      this.#since = now;
    }
    return now - this.#since;
  }
}
