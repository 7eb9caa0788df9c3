import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** A value that was read from a file, the interface that it must have, and the module that exports it. */
export interface Typed {
  readonly module: string;
  readonly type: string;
  readonly value: unknown;
}

const root = join(import.meta.dirname, "../..");

/**
 * Checks values against interfaces with the TypeScript compiler, which also refuses unknown fields. Resolves with the
 * compiler's errors, one a line; empty if all values are right.
 */
export async function typeErrors(values: readonly Typed[]): Promise<string> {
  // Inside the project, so that the modules are found.
  const directory = await mkdtemp(join(root, "node_modules/.type-check-"));
  const file = join(directory, "values.ts");
  const checks = values.map(
    ({ module, type, value }, at) =>
      `import type { ${type} as T${at} } from ${JSON.stringify(module)};\n` +
      `export const value${at}: Plain<T${at}> = ${JSON.stringify(value, null, 1)};\n`,
  );
  try {
    await writeFile(file, plain + checks.join(""));
    const options = ["--strict", "--noEmit", "--skipLibCheck", "--ignoreConfig", "--module", "nodenext"];
    const tsc = spawn(join(root, "node_modules/.bin/tsc"), [...options, file], { cwd: directory });
    const [output, [code]] = await Promise.all([text(tsc.stdout), once(tsc, "exit")]);
    if (code !== 0 && output === "") throw new Error(`tsc ended with ${code}`);
    return output;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** In a file the members of an enum are written as their values. */
const plain = `
type Plain<T> = T extends string ? \`\${T}\` : T extends object ? { [Name in keyof T]: Plain<T[Name]> } : T;
`;
