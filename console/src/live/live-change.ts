/** A change of one key, small enough to be sent to every tab. */
export interface LiveChange {
  readonly type: "put" | "delete";
  readonly key: string;
  readonly revision: number;
  readonly time: Date;
  readonly expired: boolean;
  /** Of the value, after a put. */
  readonly bytes: number | undefined;
  /** The beginning of the value, on one line. */
  readonly preview: string;
}
