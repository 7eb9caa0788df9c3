import { nameForCut, temporaryName } from "../file-names.ts";
import { copyBytes } from "../file-system.ts";
import type { LogDirectory } from "../log-directory.ts";
import type { Cut } from "./inspection.ts";

/**
 * Copies the bytes that will be cut off to a new file in the same directory. Resolves with its name when it is
 * durable.
 */
export async function saveCut(directory: LogDirectory, cut: Cut, why: "torn" | "corrupt"): Promise<string> {
  const name = nameForCut((await directory.content()).names, cut.file, why);
  const temporary = temporaryName(name);
  await directory.withFile(cut.file, "read", (from) =>
    directory.withFile(temporary, "create", async (to) => {
      await copyBytes(from, to, cut.offset, cut.bytes, 0);
      await to.sync();
    }),
  );
  await directory.rename(temporary, name);
  await directory.sync();
  return name;
}

/** Truncates the file at `offset`, durably. */
export async function truncateDurably(directory: LogDirectory, name: string, offset: number): Promise<void> {
  await directory.withFile(name, "update", async (file) => {
    await file.truncate(offset);
    await file.sync();
  });
}
