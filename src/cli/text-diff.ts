/** A line that is in both texts, only in the old one, or only in the new one. */
interface Change {
  readonly kind: " " | "-" | "+";
  readonly line: string;
}

/** With more differences, the whole texts are shown as different: the search takes quadratic time and memory. */
const differencesMax = 2000;

const contextLines = 3;

/** The unified diff of two texts; empty when they are equal. */
export function toTextDiff(before: string, after: string, names: readonly [string, string]): string {
  if (before === after) return "";
  const changes = diffLines(splitLines(before), splitLines(after));
  return `--- ${names[0]}\n+++ ${names[1]}\n${toHunks(changes).join("")}`;
}

function splitLines(text: string): string[] {
  const lines = text.split("\n");
  // A last line without a newline differs from one with a newline.
  if (lines.at(-1) === "") lines.pop();
  else lines.push(`${lines.pop()}\n\\ No newline at end of file`);
  return lines;
}

/** The shortest edit script, after Myers, "An O(ND) Difference Algorithm" (1986). */
function diffLines(before: readonly string[], after: readonly string[]): readonly Change[] {
  const furthest: Map<number, number>[] = [];
  let ends = new Map<number, number>([[1, 0]]);
  for (let differences = 0; differences <= differencesMax; differences++) {
    const next = new Map<number, number>(ends);
    for (let diagonal = -differences; diagonal <= differences; diagonal += 2) {
      const down = goesDown(ends, diagonal, differences);
      let x = down ? (ends.get(diagonal + 1) as number) : (ends.get(diagonal - 1) as number) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
      next.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) {
        return trace([...furthest, ends], before, after);
      }
    }
    furthest.push(ends);
    ends = next;
  }
  return [...before.map(removed), ...after.map(added)];
}

function goesDown(ends: ReadonlyMap<number, number>, diagonal: number, differences: number): boolean {
  if (diagonal === -differences) return true;
  return diagonal !== differences && (ends.get(diagonal - 1) as number) < (ends.get(diagonal + 1) as number);
}

/** Reconstructs the edit script from its end. */
function trace(
  furthest: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): readonly Change[] {
  const changes: Change[] = [];
  let [x, y] = [before.length, after.length];
  for (let differences = furthest.length - 1; differences >= 0; differences--) {
    const ends = furthest[differences] as ReadonlyMap<number, number>;
    const diagonal = x - y;
    const from = goesDown(ends, diagonal, differences) ? diagonal + 1 : diagonal - 1;
    const fromX = ends.get(from) as number;
    const fromY = fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      changes.push({ kind: " ", line: before[--x] as string });
      y--;
    }
    if (differences === 0) break;
    changes.push(x > fromX ? removed(before[--x] as string) : added(after[--y] as string));
  }
  return changes.toReversed();
}

function removed(line: string): Change {
  return { kind: "-", line };
}

function added(line: string): Change {
  return { kind: "+", line };
}

/** Groups differences with a few equal lines around them. */
function toHunks(changes: readonly Change[]): readonly string[] {
  const hunks: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let at = 0; at < changes.length; ) {
    const first = changes.findIndex(({ kind }, index) => index >= at && kind !== " ");
    if (first === -1) break;
    const start = Math.max(at, first - contextLines);
    for (const { kind } of changes.slice(at, start)) {
      if (kind !== "+") oldLine++;
      if (kind !== "-") newLine++;
    }
    const hunk = changes.slice(start, endOfHunk(changes, first));
    const oldCount = hunk.filter(({ kind }) => kind !== "+").length;
    const newCount = hunk.filter(({ kind }) => kind !== "-").length;
    // An empty side is numbered by the line before it.
    const oldStart = oldCount === 0 ? oldLine - 1 : oldLine;
    const newStart = newCount === 0 ? newLine - 1 : newLine;
    const lines = hunk.map(({ kind, line }) => `${kind}${line}\n`);
    hunks.push(`@@ -${oldStart},${oldCount} +${newStart},${newCount} @@\n${lines.join("")}`);
    oldLine += oldCount;
    newLine += newCount;
    at = start + hunk.length;
  }
  return hunks;
}

function endOfHunk(changes: readonly Change[], first: number): number {
  let last = first;
  for (let index = first; index < changes.length && index - last <= 2 * contextLines; index++) {
    if (changes[index]?.kind !== " ") last = index;
  }
  return Math.min(last + contextLines + 1, changes.length);
}
