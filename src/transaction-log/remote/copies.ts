import { DuetError } from "../../errors.ts";
import { ChainError } from "./chain.ts";
import type { Copy, RemoteLogDriver } from "./driver.ts";

/** How often each server is asked: one of them may show the copy of another one, whichever it is. */
const rounds = 4;

/**
 * Reads the leader's copy, then asks each server some times, until one has something that is not damaged. Resolves with nothing when
 * one of them has nothing, because it may be old. Rejects with the error of a server that did not respond, because its copy
 * may be whole, and with ChainError when all copies are damaged.
 */
export async function readOtherCopies<T>(
  driver: RemoteLogDriver,
  read: (copy: Copy) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const failures: unknown[] = [];
  let isOld = false;
  const { servers } = driver;
  const reads = Array.from({ length: rounds * servers }, (_, index) => index % servers);
  for (const copy of ["leader", ...reads] as const) {
    try {
      const found = await read(copy);
      if (found.length > 0) return found;
      isOld = true;
    } catch (error) {
      if (error instanceof DuetError) throw error;
      failures.push(error);
    }
  }
  const silence = failures.find((error) => !(error instanceof ChainError));
  if (silence !== undefined) throw silence;
  if (isOld) return [];
  throw failures[0];
}
