/** A coarse clock in milliseconds: set by each sweep over the connections, and read for every stream. */
export interface Clock {
  now: number;
}
