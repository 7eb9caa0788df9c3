/** The operations that an image needs of a file system. Each rejects with the error of the operating system. */
export interface ImageFiles {
  open(path: string, mode: "read" | "create"): Promise<ImageFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names in the directory durable. */
  syncDirectory(directory: string): Promise<void>;
}

export interface ImageFile {
  /** Resolves with the number of bytes, which can be fewer than asked for; 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Resolves with the number of written bytes, which can be fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Makes data and size durable. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** Resolves when all bytes are written, however many calls that takes. */
export async function writeAll(file: ImageFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const count = await file.write(bytes.subarray(written), position + written);
    if (count === 0) throw new Error("the file system wrote nothing and gave no reason");
    written += count;
  }
}

/** Fills `into`. Rejects with an Error when the file ends before. */
export async function readAll(file: ImageFile, into: Uint8Array, position: number): Promise<void> {
  for (let filled = 0; filled < into.length; ) {
    const count = await file.read(into.subarray(filled), position + filled);
    if (count === 0) throw new Error("the file is too short");
    filled += count;
  }
}
