// A thread that reads the tree until it gets a message, and reports what did not fit.
import { parentPort, workerData } from "node:worker_threads";
import { prefixRange } from "../../../src/store/key-range.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import { pinWord } from "../../../src/store/tree/control.ts";
import { SharedReader, type SharedTree } from "../../../src/store/tree/shared-reader.ts";
import type { TreeView } from "../../../src/store/tree/tree-view.ts";
import { counterOf, keyCount, keyOf, total } from "./thread-entries.ts";

export interface ReaderData {
  readonly shared: SharedTree;
  readonly pin: number;
  /** Without it the reader withdraws its pin at once, so that the writer reuses what is being read. */
  readonly isPinned: boolean;
}

/** What the thread tells: that it began, that it found its first fault, and after a message its report. */
export type ReaderMessage = "ready" | "fault" | ReaderReport;

export interface ReaderReport {
  readonly gets: number;
  readonly scans: number;
  readonly revisions: number;
  /** What did not fit, at most a few. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}

const { shared, pin, isPinned } = workerData as ReaderData;
const control = new Int32Array(shared.control);
const reader = new SharedReader(shared, pin);
const everything = toByteRange(prefixRange(""));
const part = toByteRange(prefixRange("k/05/"));

const faults: string[] = [];
let faultCount = 0;
let gets = 0;
let scans = 0;
let revisions = 0;
let lastRevision = 0;
let isStopped = false;

function tell(message: ReaderMessage): void {
  parentPort?.postMessage(message, []);
}

function fault(what: string): void {
  if (faultCount === 0) tell("fault");
  faultCount++;
  if (faults.length < 5) faults.push(what);
}

function readOne(view: TreeView, index: number): void {
  const entry = view.get(keyOf(index));
  if (entry !== undefined && counterOf(entry, view.revision) === undefined) {
    fault(`get at ${view.revision}: ${JSON.stringify(entry).slice(0, 200)}`);
  }
  gets++;
}

function readAll(view: TreeView, reverse: boolean): void {
  let sum = 0;
  let entries = 0;
  for (const entry of view.scan(everything, reverse)) {
    const counter = counterOf(entry, view.revision);
    if (counter === undefined) fault(`scan at ${view.revision}: ${JSON.stringify(entry).slice(0, 200)}`);
    sum += counter ?? 0;
    entries++;
  }
  if (sum !== total || entries !== view.size)
    fault(`scan at ${view.revision}: ${entries} entries, sum ${sum}`);
  const inPart = [...view.refs(part, reverse)].length;
  if (view.count(part) !== inPart) fault(`count at ${view.revision}: not ${inPart}`);
  scans++;
}

function read(round: number): void {
  try {
    reader.read((view) => {
      if (!isPinned) Atomics.store(control, pinWord(pin), 0);
      if (view.revision < lastRevision) fault(`revision ${view.revision} after ${lastRevision}`);
      if (view.revision > lastRevision) revisions++;
      lastRevision = view.revision;
      if (round % 50 === 0) readAll(view, round % 100 === 0);
      else readOne(view, (round * 7919 + pin) % keyCount);
    });
  } catch (error) {
    fault(String(error));
  }
}

function readSome(round: number): void {
  for (let next = round; next < round + 500; next++) read(next);
  if (!isStopped) {
    setImmediate(readSome, round + 500);
    return;
  }
  tell({ gets, scans, revisions, faults, faultCount });
}

parentPort?.once("message", () => {
  isStopped = true;
});
tell("ready");
readSome(0);
