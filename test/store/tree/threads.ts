import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { noRef, reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { createRandom, type Random } from "../../support/random.ts";
import type { ReaderData, ReaderMessage, ReaderReport } from "./reader-thread.ts";
import { entryAt, keyCount, keyOf } from "./thread-entries.ts";

/** Moves amounts between entries, removes and restores entries; the sum of all stays the same at each revision. */
class Transfers {
  readonly #tree: Tree;
  readonly #random: Random;
  readonly #counters = Array.from({ length: keyCount }, () => 1000);
  #revision = 1;

  constructor(tree: Tree, random: Random) {
    this.#tree = tree;
    this.#random = random;
    for (let index = 0; index < keyCount; index++) this.#put(index);
    tree.publish(1, 1);
  }

  next(): void {
    this.#revision++;
    for (let pairs = this.#random.below(8); pairs >= 0; pairs--) this.#transfer(this.#random.below(20));
    if (this.#random.chance(0.25)) this.#remove(this.#random.below(keyCount));
    if (this.#random.chance(0.1)) this.#tree.evacuate(20);
    this.#tree.publish(this.#revision, this.#revision);
  }

  #transfer(amount: number): void {
    const from = this.#random.below(keyCount);
    const to = (from + 1 + this.#random.below(keyCount - 1)) % keyCount;
    this.#add(from, -amount);
    this.#add(to, amount);
  }

  /** Another entry gets what the removed one had. A later transfer puts the removed one again. */
  #remove(index: number): void {
    if (this.#tree.remove(keyOf(index)) === noRef) return;
    const amount = this.#counters[index] as number;
    this.#counters[index] = 0;
    this.#add((index + 1) % keyCount, amount);
  }

  #add(index: number, amount: number): void {
    this.#counters[index] = (this.#counters[index] as number) + amount;
    this.#put(index);
  }

  #put(index: number): void {
    this.#tree.put(entryAt(index, this.#revision, this.#counters[index] as number));
  }
}

/** A thread of reader-thread.ts. */
class ReaderThread {
  readonly #worker: Worker;
  readonly ready: Promise<void>;
  readonly report: Promise<ReaderReport>;
  hasFault = false;

  constructor(data: ReaderData) {
    this.#worker = new Worker(new URL("./reader-thread.ts", import.meta.url), { workerData: data });
    const ready = Promise.withResolvers<void>();
    const report = Promise.withResolvers<ReaderReport>();
    this.ready = ready.promise;
    this.report = report.promise;
    this.#worker.on("message", (message: ReaderMessage) => {
      if (message === "ready") ready.resolve();
      else if (message === "fault") this.hasFault = true;
      else report.resolve(message);
    });
    this.#worker.on("error", (error) => {
      ready.reject(error);
      report.reject(error);
    });
  }

  stop(): void {
    this.#worker.postMessage("stop", []);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

const readers = 3;

/** Writes up to `versionsMax` versions while threads read, as long as `goOn` returns true. */
async function write(
  seed: number,
  versionsMax: number,
  isPinned: boolean,
  goOn: (threads: ReaderThread[]) => boolean,
) {
  const tree = new Tree(reserveSlabs(1));
  const transfers = new Transfers(tree, createRandom(seed));
  const threads = Array.from(
    { length: readers },
    (_, pin) => new ReaderThread({ shared: tree.shared, pin, isPinned }),
  );
  await Promise.all(threads.map(({ ready }) => ready));
  for (let version = 0; version < versionsMax && goOn(threads); version++) {
    transfers.next();
    if (version % 50 === 0) await nextTurn();
  }
  return { tree, threads };
}

/** Writes many versions while threads read, and returns the reports of the threads. */
export async function runThreads(seed: number, versions: number) {
  const { tree, threads } = await write(seed, versions, true, () => true);
  for (const thread of threads) thread.stop();
  const reports = await Promise.all(threads.map(({ report }) => report));
  await Promise.all(threads.map((thread) => thread.terminate()));
  tree.publish(versions + 2, versions + 2);
  tree.verify();
  return { reports, usage: tree.usage };
}

/**
 * Writes until a thread whose pins are withdrawn has found a fault. Returns whether one did. Such a thread may even not
 * come to an end.
 */
export async function findFault(seed: number, versionsMax: number): Promise<boolean> {
  const isFound = (threads: readonly ReaderThread[]) => threads.some(({ hasFault }) => hasFault);
  const { threads } = await write(seed, versionsMax, false, (all) => !isFound(all));
  await Promise.all(threads.map((thread) => thread.terminate()));
  return isFound(threads);
}
