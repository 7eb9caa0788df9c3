import type { Figures } from "./load/measure.ts";

export type Protocol = "gRPC" | "HTTP/1.1";

/** One server under one load. */
export interface Measurement extends Figures {
  readonly section: string;
  /** The measured operation, in the same words for all servers: "get 64 B". */
  readonly what: string;
  readonly server: string;
  readonly protocol: Protocol;
  readonly concurrency: number;
}

/** Duet KV beside a peer, doing the work of a goal. */
export interface GoalResult {
  /** The name for `--only`. */
  readonly goal: string;
  readonly what: string;
  readonly peer: string;
  /** Microseconds, each the median of the rounds. */
  readonly ours: number;
  readonly theirs: number;
  /** Ours ÷ theirs, the median of the ratios within a round. */
  readonly ratio: number;
  /** The most that the ratio may be; undefined: there is no goal. */
  readonly bound: number | undefined;
}

/** A figure that stands alone. */
export interface Fact {
  readonly section: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

export interface Results {
  readonly date: string;
  readonly command: string;
  readonly machine: string;
  readonly versions: string;
  readonly notes: string[];
  readonly measurements: Measurement[];
  readonly facts: Fact[];
  readonly goals: GoalResult[];
}

/** The input of a section: how long to measure, and where to report the results. */
export interface Run {
  /** Fewer entries and fewer steps, to see that everything works. */
  readonly quick: boolean;
  readonly seconds: number;
  /** The number of one-second turns of each compared server. */
  readonly rounds: number;
  measured(measurement: Measurement): void;
  found(fact: Fact): void;
  compared(result: GoalResult): void;
  /** A part of the run failed; the rest goes on, so that half an hour of figures is not lost. */
  failed(what: string, error: unknown): void;
}

export const duetKv = "Duet KV";
