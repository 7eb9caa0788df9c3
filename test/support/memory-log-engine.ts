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
  /** A write fails, and is tried by the engine up to `lateMs` milliseconds later. */
  lateWrite: number;
  lateMs: number;
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
  lateMs: 20,
  wrongRefusal: 0,
  oldCopy: 0,
  lostRead: 0,
  delayMs: 0,
};

const pageMessages = 50;
const pagePieces = 3;
const copies = 3;

type Damage = "lost" | "flipped";

/** A replicated engine in memory with three copies, of which the first is the leader's, and with faults at random. */
export class MemoryLogEngine {
  readonly faults: Faults = { ...noFaults };
  readonly #random: Random;
  readonly drivers = new Set<MemoryLogDriver>();
  /** What copies have lost or have with a flipped bit, by the number of the copy and the place. */
  readonly #damage = new Map<number, Map<string, Damage>>();
  messages: Stored[] = [];
  /** Every batch that it has ever taken, without damage, also what was trimmed since. */
  readonly history: Buffer[] = [];
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

  /** Damages a message, or a piece of `snapshot`. */
  damageCopy(copy: number, position: number, how: Damage, snapshot = ""): void {
    const damage = this.#damage.get(copy) ?? new Map<string, Damage>();
    this.#damage.set(copy, damage.set(`${snapshot} ${position}`, how));
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
      setTimeout(write, this.#random.below(this.faults.lateMs + 1));
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
    if (kind === "batch") this.history.push(Buffer.from(bytes));
    return this.#position;
  }

  addAfter(kind: "batch" | "head", after: number, bytes: Buffer): number | undefined {
    if (this.#random.chance(this.faults.wrongRefusal)) return undefined;
    const newest = this.messages.findLast((message) => message.kind === kind)?.position ?? 0;
    return newest === after ? this.add(kind, bytes) : undefined;
  }

  readCopy(after: number, copy: Copy): LogPage {
    const messages = this.#messagesOf(copy, this.messages, "");
    const pageMax = copy === "leader" ? 1 : pageMessages;
    const page = messages.filter(({ position }) => position > after).slice(0, pageMax);
    return {
      batches: page.filter(({ kind }) => kind === "batch"),
      reached: page.at(-1)?.position ?? after,
      barrier: page.findLast(({ kind }) => kind === "barrier"),
    };
  }

  readPieces(snapshot: string, after: number, copy: Copy): readonly LogMessage[] {
    const pieces = this.#messagesOf(copy, this.pieces.get(snapshot) ?? [], snapshot);
    return pieces.filter(({ position }) => position > after).slice(0, pagePieces);
  }

  /** What a copy has of `all`, with its damage. The first copy is the leader's. */
  #messagesOf<T extends LogMessage>(copy: Copy, all: readonly T[], snapshot: string): readonly T[] {
    const number = copy === "leader" ? 0 : copy === "any" ? this.#random.below(copies) : copy;
    const damage = this.#damage.get(number);
    if (damage === undefined) return this.copyOf(all);
    const damageOf = ({ position }: T) => damage.get(`${snapshot} ${position}`);
    const kept = all.filter((message) => damageOf(message) !== "lost");
    const isFlipped = (message: T) => damageOf(message) === "flipped";
    return this.copyOf(kept).map((message) => (isFlipped(message) ? flip(message) : message));
  }

  readHead(copy: Copy): HeadPage {
    const messages = this.#messagesOf(copy, this.messages, "");
    const newest = (wanted: Stored["kind"]) => messages.findLast(({ kind }) => kind === wanted);
    return { head: newest("head"), barrier: newest("barrier") };
  }

  /** What a copy has, or an old leader. */
  copyOf<T>(all: readonly T[]): readonly T[] {
    const isOld = this.#random.chance(this.faults.oldCopy);
    return isOld ? all.slice(0, this.#random.below(all.length + 1)) : all;
  }
}

function flip<T extends LogMessage>(message: T): T {
  const bytes = Buffer.from(message.bytes);
  const at = message.position % bytes.length;
  bytes[at] = (bytes[at] as number) ^ 4;
  return { ...message, bytes };
}

export class MemoryLogDriver implements RemoteLogDriver {
  fault: Error | undefined;
  onRing: (position: number) => void = () => {};
  readonly messageBytesMax: number;
  readonly servers = copies;
  readonly #engine: MemoryLogEngine;
  #disconnected = false;
  connections = 1;
  /** How often it was told to leave its server. */
  moves = 0;
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

  readHead(copy: Copy) {
    return this.#read(() => this.#engine.readHead(copy));
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

  readPieces(snapshot: string, after: number, copy: Copy) {
    return this.#read(() => this.#engine.readPieces(snapshot, after, copy));
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

  moveOn() {
    this.moves++;
  }

  async countCopies() {
    return copies;
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
