import { setTimeout as delay } from "node:timers/promises";
import {
  type Beat,
  type Copy,
  type HeadPage,
  type LogMessage,
  type LogPage,
  NotSentError,
  type RemoteLogDriver,
} from "../../src/transaction-log/remote/driver.ts";
import { createRandom, type Random } from "./random.ts";

interface Stored extends LogMessage {
  readonly kind: "batch" | "head" | "barrier";
}

/** The probabilities of faults, from 0 to 1. */
export interface Faults {
  /** A write is in the log, and its confirmation is lost. */
  lostConfirmation: number;
  /** A write is lost. */
  lostWrite: number;
  /** A write fails, and is tried by the engine a little later. */
  lateWrite: number;
  /** A conditional write is refused although its condition holds. */
  wrongRefusal: number;
  /** A copy that is read lacks the newest messages. */
  oldCopy: number;
  /** A read fails. */
  lostRead: number;
  /** Each call takes up to so many milliseconds. */
  delayMs: number;
}

const noFaults: Faults = {
  lostConfirmation: 0,
  lostWrite: 0,
  lateWrite: 0,
  wrongRefusal: 0,
  oldCopy: 0,
  lostRead: 0,
  delayMs: 0,
};

const pageMessages = 50;

/** A replicated engine in memory with three copies, of which the first is the leader's, and with faults at random. */
export class MemoryLogEngine {
  readonly faults: Faults = { ...noFaults };
  readonly #random: Random;
  readonly drivers = new Set<MemoryLogDriver>();
  /** Messages that copies have lost or have with a flipped bit, by the number of the copy. */
  readonly damage = new Map<number, Map<number, "lost" | "flipped">>();
  messages: Stored[] = [];
  pieces = new Map<string, LogMessage[]>();
  readonly replicas = new Map<string, Beat>();
  #position = 0;
  writes = 0;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  connect(messageBytesMax = 64 * 1024 * 1024): MemoryLogDriver {
    const driver = new MemoryLogDriver(this, messageBytesMax);
    this.drivers.add(driver);
    return driver;
  }

  /** The positions of the batches. */
  get batches(): number[] {
    return this.messages.filter(({ kind }) => kind === "batch").map(({ position }) => position);
  }

  heal(): void {
    Object.assign(this.faults, noFaults);
  }

  /** What an operator does who makes the stream anew. */
  makeAnew(): void {
    this.messages = [];
    this.pieces = new Map();
    this.#position = 0;
  }

  damageCopy(copy: number, position: number, how: "lost" | "flipped"): void {
    const copyDamage = this.damage.get(copy) ?? new Map<number, "lost" | "flipped">();
    this.damage.set(copy, copyDamage.set(position, how));
  }

  async pause(): Promise<void> {
    const { delayMs } = this.faults;
    if (delayMs > 0) await delay(this.#random.below(delayMs + 1));
  }

  /** Runs a write with its faults. `write` runs at most once more than it is confirmed. */
  async write<T>(write: () => T): Promise<T> {
    this.writes++;
    await this.pause();
    const { lostWrite, lateWrite, lostConfirmation } = this.faults;
    if (this.#random.chance(lostWrite)) throw new Error("timeout: the write was lost");
    if (this.#random.chance(lateWrite)) {
      setTimeout(write, this.#random.below(20));
      throw new Error("timeout: the write comes later");
    }
    const result = write();
    await this.pause();
    if (this.#random.chance(lostConfirmation)) throw new Error("timeout: the confirmation was lost");
    return result;
  }

  async read<T>(read: () => T): Promise<T> {
    await this.pause();
    if (this.#random.chance(this.faults.lostRead)) throw new Error("timeout: the read was lost");
    const result = read();
    await this.pause();
    return result;
  }

  add(kind: Stored["kind"], bytes: Buffer): number {
    if (kind !== "batch") this.messages = this.messages.filter((message) => message.kind !== kind);
    this.messages.push({ kind, bytes: Buffer.from(bytes), position: ++this.#position });
    return this.#position;
  }

  addAfter(kind: "batch" | "head", after: number, bytes: Buffer): number | undefined {
    if (this.#random.chance(this.faults.wrongRefusal)) return undefined;
    const newest = this.messages.findLast((message) => message.kind === kind)?.position ?? 0;
    return newest === after ? this.add(kind, bytes) : undefined;
  }

  readCopy(after: number, copy: Copy): LogPage {
    const number = copy === "leader" ? 0 : this.#random.below(3);
    const damage = this.damage.get(number);
    const undamaged = this.messages.filter(({ position }) => damage?.get(position) !== "lost");
    const messages = this.copyOf(undamaged);
    const page = messages.filter(({ position }) => position > after).slice(0, pageMessages);
    return {
      batches: page
        .filter(({ kind }) => kind === "batch")
        .map((message) => (damage?.get(message.position) === "flipped" ? flip(message) : message)),
      reached: page.at(-1)?.position ?? after,
      barrier: page.findLast(({ kind }) => kind === "barrier"),
    };
  }

  readHead(): HeadPage {
    const messages = this.copyOf(this.messages);
    const newest = (wanted: Stored["kind"]) => messages.findLast(({ kind }) => kind === wanted);
    return { head: newest("head"), barrier: newest("barrier") };
  }

  /** What a copy has, or an old leader. */
  copyOf<T>(all: readonly T[]): readonly T[] {
    const isOld = this.#random.chance(this.faults.oldCopy);
    return isOld ? all.slice(0, this.#random.below(all.length + 1)) : all;
  }
}

function flip({ position, bytes }: LogMessage): LogMessage {
  const flipped = Buffer.from(bytes);
  const at = position % flipped.length;
  flipped[at] = (flipped[at] as number) ^ 4;
  return { position, bytes: flipped };
}

export class MemoryLogDriver implements RemoteLogDriver {
  fault: Error | undefined;
  onRing: (position: number) => void = () => {};
  readonly messageBytesMax: number;
  readonly #engine: MemoryLogEngine;
  #disconnected = false;
  connections = 1;
  closed = false;

  constructor(engine: MemoryLogEngine, messageBytesMax: number) {
    this.#engine = engine;
    this.messageBytesMax = messageBytesMax;
  }

  /** Set by a test: nothing is sent. */
  set disconnected(disconnected: boolean) {
    if (this.#disconnected && !disconnected) this.connections++;
    this.#disconnected = disconnected;
  }

  async tryAppend(after: number, bytes: Buffer) {
    if (bytes.length > this.messageBytesMax) throw new Error("maximum payload exceeded");
    return this.#write(() => this.#engine.addAfter("batch", after, bytes));
  }

  trySetHead(after: number, bytes: Buffer) {
    return this.#write(() => this.#engine.addAfter("head", after, bytes));
  }

  readHead() {
    return this.#read(() => this.#engine.readHead());
  }

  barrier(bytes: Buffer) {
    return this.#write(() => this.#engine.add("barrier", bytes));
  }

  read(after: number, copy: Copy) {
    return this.#read(() => this.#engine.readCopy(after, copy));
  }

  async trim(before: number) {
    await this.#write(() => {
      const isKept = ({ kind, position }: Stored) => kind !== "batch" || position >= before;
      this.#engine.messages = this.#engine.messages.filter(isKept);
    });
  }

  async putPiece(snapshot: string, bytes: Buffer) {
    if (bytes.length > this.messageBytesMax) throw new Error("maximum payload exceeded");
    await this.#write(() => {
      const { pieces } = this.#engine;
      const already = pieces.get(snapshot) ?? [];
      pieces.set(snapshot, [...already, { position: already.length + 1, bytes }]);
    });
  }

  readPieces(snapshot: string, after: number) {
    const isNext = ({ position }: LogMessage) => position > after;
    const all = () => this.#engine.copyOf(this.#engine.pieces.get(snapshot) ?? []);
    return this.#read(() => all().filter(isNext).slice(0, 3));
  }

  snapshots() {
    return this.#read(() => [...this.#engine.pieces.keys()]);
  }

  async dropSnapshot(snapshot: string) {
    await this.#write(() => this.#engine.pieces.delete(snapshot));
  }

  beat(replica: string, bytes: Buffer) {
    return this.#write(() => {
      const position = this.#engine.writes;
      this.#engine.replicas.set(replica, { replica, bytes, position, time: Date.now() });
      return position;
    });
  }

  beats() {
    return this.#read(() => this.#engine.copyOf([...this.#engine.replicas.values()]));
  }

  async leave(replica: string) {
    await this.#write(() => this.#engine.replicas.delete(replica));
  }

  ring(position: number) {
    for (const other of this.#engine.drivers) if (other !== this) other.onRing(position);
  }

  async describeCopies() {
    return "one, two and three";
  }

  async close() {
    this.closed = true;
    this.#engine.drivers.delete(this);
  }

  async #write<T>(write: () => T): Promise<T> {
    this.#assertConnected();
    return this.#engine.write(write);
  }

  async #read<T>(read: () => T): Promise<T> {
    this.#assertConnected();
    return this.#engine.read(read);
  }

  #assertConnected(): void {
    if (this.closed || this.#disconnected) throw new NotSentError("not connected");
  }
}
