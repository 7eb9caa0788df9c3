import { join } from "node:path";
import { nameForCut, temporaryName } from "./directory.ts";
import { copyBytes, type FileSystem, withFile } from "./file-system.ts";
import type { Cut } from "./inspection.ts";

/** Copies what will be cut beside the file; resolves with the name of the copy when that is durable. */
export async function saveCut(
  fileSystem: FileSystem,
  directory: string,
  cut: Cut,
  why: "torn" | "corrupt",
): Promise<string> {
  const name = nameForCut(await fileSystem.list(directory), cut.file, why);
  const temporary = join(directory, temporaryName(name));
  await withFile(fileSystem, join(directory, cut.file), "read", (from) =>
    withFile(fileSystem, temporary, "create", async (to) => {
      await copyBytes(from, to, cut.offset, cut.bytes, 0);
      await to.sync();
    }),
  );
  await fileSystem.rename(temporary, join(directory, name));
  await fileSystem.syncDirectory(directory);
  return name;
}

/** Resolves when the file durably ends at `offset`. */
export async function truncateDurably(fileSystem: FileSystem, path: string, offset: number): Promise<void> {
  await withFile(fileSystem, path, "update", async (file) => {
    await file.truncate(offset);
    await file.sync();
  });
}
