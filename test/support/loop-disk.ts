import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);

/** Whether this user may make disks. If not, says so on the console, since the tests that need them are skipped then. */
export function canMakeDisks(): boolean {
  if (existsSync("/dev/loop-control") && spawnSync("unshare", ["--mount", "true"]).status === 0) return true;
  console.warn("SKIPPED: mounting a disk is not permitted");
  return false;
}

/** A file system in a file, which loses what was not synced when its power is cut. */
export class LoopDisk {
  /** Where it is mounted. */
  readonly directory: string;
  readonly #image: string;
  readonly #capture: string;

  private constructor(place: string) {
    this.directory = join(place, "mounted");
    this.#image = join(place, "image");
    this.#capture = join(place, "capture");
  }

  /** Makes an empty one for the running test. */
  static async make(): Promise<LoopDisk> {
    const disk = new LoopDisk(await temporaryDirectory());
    await mkdir(disk.directory);
    await run("truncate", ["--size", "256M", disk.#image]);
    await run("mkfs.ext4", ["-q", disk.#image]);
    await disk.#mount();
    onTestFinished(() => disk.#unmount());
    return disk;
  }

  /** Remembers what is on the disk now, without what only the memory of the machine has. Nothing may write meanwhile. */
  async capture(): Promise<void> {
    await run("cp", ["--sparse=always", this.#image, this.#capture]);
  }

  /** Mounts what `capture` remembered. No process may have a file open. */
  async restore(): Promise<void> {
    await this.#unmount();
    await rename(this.#capture, this.#image);
    await this.#mount();
  }

  async #mount(): Promise<void> {
    // Only a sync commits, so that a copy of the image is of one moment.
    await run("mount", ["-o", "loop,commit=600", this.#image, this.directory]);
  }

  async #unmount(): Promise<void> {
    await run("umount", [this.directory]);
  }
}
