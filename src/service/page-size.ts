import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";

/** The most items of a page; a page size of 0 asks for the server's maximum. Throws PAGE_SIZE_INVALID. */
export function checkPageSize(pageSize: number, { pageEntriesMax }: Pick<Limits, "pageEntriesMax">): number {
  if (pageSize < 0) throw new DuetError("PAGE_SIZE_INVALID", "the page size is negative");
  return pageSize === 0 ? pageEntriesMax : Math.min(pageSize, pageEntriesMax);
}
