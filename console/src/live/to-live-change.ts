import type { Change } from "@duetkv/client";
import { toPreview, type Value } from "../value.ts";
import type { LiveChange } from "./live-change.ts";

export function toLiveChange(change: Change<Value>): LiveChange {
  const { type, key, revision, time, expired, entry } = change;
  return { type, key, revision, time, expired, ...toPreview(entry?.value) };
}
