/**
 * The sizes of slots, in bytes. A slot has the smallest size that holds its content: steps of 8 up to 256, then eight
 * sizes for each doubling, so that at most a ninth of a slot is unused. Larger content takes whole blocks.
 */
const fineMax = 256;
const slotMin = 40;

/** Content of more bytes takes whole blocks. */
export const slotBytesMax = 32 * 1024;

const sizes: number[] = [];
for (let size = slotMin; size <= fineMax; size += 8) sizes.push(size);
for (let base = fineMax; base < slotBytesMax; base *= 2) {
  for (let eighth = 1; eighth <= 8; eighth++) sizes.push(base + (base / 8) * eighth);
}

/** Pages of the tree have the last class: records and pages are never in the same block. */
export const pageClass = sizes.length;
export const pageBytes = 1024;

const classSizes = Uint16Array.from([...sizes, pageBytes]);

/** By size in units of 8 bytes, rounded up. */
const classBySize = new Uint8Array(slotBytesMax / 8 + 1);
for (let units = 0, slotClass = 0; units < classBySize.length; units++) {
  while ((sizes[slotClass] as number) < units * 8) slotClass++;
  classBySize[units] = slotClass;
}

/** The class of slots for a record of `bytes`, at most `slotBytesMax`. */
export function recordClass(bytes: number): number {
  return classBySize[(bytes + 7) >>> 3] as number;
}

/** The size of the slots of a class, in bytes. */
export function slotBytes(slotClass: number): number {
  return classSizes[slotClass] as number;
}
