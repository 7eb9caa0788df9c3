import { HeaderList } from "./header-list.ts";
import type { HeaderField } from "./hpack/header-field.ts";

const slots = 16;
/** Longer blocks and lists are not remembered: the memos of one connection hold at most a few dozen KiB. */
const blockBytesMax = 512;
const rememberedListBytesMax = 4096;

/** What a block decodes to. */
export interface DecodedBlock {
  readonly list: HeaderList;
  /** The value of the header that varies from call to call. */
  readonly varying: string | undefined;
  /** Of all fields, as RFC 9113, section 6.5.2 counts them. */
  readonly bytes: number;
}

interface RememberedBlock {
  readonly bytes: Uint8Array;
  readonly tableVersion: number;
  readonly decoded: DecodedBlock;
}

/**
 * Remembers header blocks by their bytes and the version of the dynamic table. A client sends nearly the same block for
 * each call; with this the server decodes, checks and routes it once.
 */
export class BlockMemo {
  readonly #slots: (RememberedBlock | undefined)[] = Array.from({ length: slots }, () => undefined);

  find(bytes: Uint8Array, start: number, end: number, tableVersion: number): DecodedBlock | undefined {
    if (end - start > blockBytesMax) return undefined;
    const found = this.#slots[slotOf(bytes, start, end)];
    if (found === undefined || found.tableVersion !== tableVersion) return undefined;
    return isEqual(found.bytes, bytes, start, end) ? found.decoded : undefined;
  }

  remember(bytes: Uint8Array, start: number, end: number, tableVersion: number, decoded: DecodedBlock): void {
    if (end - start > blockBytesMax || decoded.bytes > rememberedListBytesMax) return;
    this.#slots[slotOf(bytes, start, end)] = { bytes: bytes.slice(start, end), tableVersion, decoded };
  }
}

function slotOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (hash * 31 + (bytes[at] as number)) | 0;
  return (hash ^ (hash >>> 7)) & (slots - 1);
}

function isEqual(expected: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (expected.length !== end - start) return false;
  for (let at = start; at < end; at++) if (expected[at - start] !== bytes[at]) return false;
  return true;
}

interface RememberedList {
  readonly fields: readonly HeaderField[];
  readonly list: HeaderList;
}

/**
 * Remembers header lists by their fields. Where a header that varies from call to call is added to the dynamic table, the
 * same headers have other bytes each time; they still get the same list.
 */
export class ListMemo {
  readonly #slots: (RememberedList | undefined)[] = Array.from({ length: slots }, () => undefined);

  /** The list of these fields; `fields` may be changed afterwards. */
  get(fields: readonly HeaderField[]): HeaderList {
    let hash = fields.length;
    let bytes = 0;
    for (const { size } of fields) {
      hash = (hash * 31 + size) | 0;
      bytes += size;
    }
    if (bytes > rememberedListBytesMax) return HeaderList.of(fields);
    const slot = (hash ^ (hash >>> 7)) & (slots - 1);
    const found = this.#slots[slot];
    if (found !== undefined && haveEqualFields(found.fields, fields)) return found.list;
    const list = HeaderList.of(fields);
    this.#slots[slot] = { fields: [...fields], list };
    return list;
  }
}

function haveEqualFields(a: readonly HeaderField[], b: readonly HeaderField[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    const left = a[at] as HeaderField;
    const right = b[at] as HeaderField;
    // Entries of a table are the same object each time.
    if (left !== right && (left.value !== right.value || left.name !== right.name)) return false;
  }
  return true;
}
