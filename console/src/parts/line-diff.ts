/** A line of a difference between two texts. */
export interface DiffLine {
  readonly type: "same" | "removed" | "added";
  readonly text: string;
}

/** Beyond this many comparisons, what differs is shown as a whole, so that a tab never hangs. */
const comparisonsMax = 4_000_000;

/** The lines of both texts, by the longest sequence of lines that they have in common. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [old, young] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < old.length && start < young.length && old[start] === young[start]) start++;
  let end = 0;
  while (
    end < old.length - start &&
    end < young.length - start &&
    old[old.length - 1 - end] === young[young.length - 1 - end]
  ) {
    end++;
  }
  return [
    ...toLines("same", old.slice(0, start)),
    ...diffMiddle(old.slice(start, old.length - end), young.slice(start, young.length - end)),
    ...toLines("same", old.slice(old.length - end)),
  ];
}

function toLines(type: DiffLine["type"], texts: readonly string[]): DiffLine[] {
  return texts.map((text) => ({ type, text }));
}

function diffMiddle(old: readonly string[], young: readonly string[]): DiffLine[] {
  if (old.length * young.length > comparisonsMax) {
    return [...toLines("removed", old), ...toLines("added", young)];
  }
  // lengths[i][j]: how many lines old[i…] and young[j…] have in common.
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint32Array(young.length + 1));
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    const row = lengths[i] as Uint32Array;
    for (let j = young.length - 1; j >= 0; j--) {
      row[j] = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  for (let i = 0, j = 0; i < old.length || j < young.length; ) {
    if (i < old.length && j < young.length && old[i] === young[j]) {
      lines.push({ type: "same", text: old[i++] as string });
      j++;
    } else if (j >= young.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ type: "removed", text: old[i++] as string });
    } else {
      lines.push({ type: "added", text: young[j++] as string });
    }
  }
  return lines;
}

/** Lines near a change; each gap between them is undefined. */
export function withoutFar(lines: readonly DiffLine[], context: number): (DiffLine | undefined)[] {
  const isNear = lines.map((_, index) =>
    lines.slice(Math.max(0, index - context), index + context + 1).some(({ type }) => type !== "same"),
  );
  return lines.flatMap((line, index) =>
    isNear[index] === true ? [line] : index === 0 || isNear[index - 1] === true ? [undefined] : [],
  );
}
