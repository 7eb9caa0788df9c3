import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { Upkeep, type UpkeepOptions } from "../../../src/transaction-log/file/upkeep.ts";
import { until } from "../../support/until.ts";

test("closes the mark only after every round has ended, also one that waits for the disk", async () => {
  const events: string[] = [];
  const disk = Promise.withResolvers<void>();
  let looks = 0;
  const upkeep = new Upkeep({
    files: { lastSequence: 1, logBytes: 0 },
    health: {
      lost: false,
      assertLocked: () => {
        events.push("look");
        return ++looks === 1 ? disk.promise : Promise.resolve();
      },
    },
    mark: { write: async () => void events.push("write"), close: async () => void events.push("close") },
    space: { measure: async () => {} },
    delayMs: 1,
  } as unknown as UpkeepOptions);
  upkeep.soon();
  await until(() => expect(looks).toBe(1));
  upkeep.soon();
  await pause(20);
  const closing = upkeep.close();
  await pause(20);
  expect(events).toEqual(["look"]);
  disk.resolve();
  await closing;
  expect(events).toEqual(["look", "write", "look", "write", "write", "close"]);
});
