import { expect, test } from "vitest";
import { createConfiguration } from "../../src/config/configuration.ts";
import type { Memory } from "../../src/config/memory.ts";
import { defaultLimits } from "../../src/limits.ts";

const gibibyte = 1024 ** 3;

function mistakesOf(
  flags: Record<string, string>,
  environment: Record<string, string>,
  memory: Memory,
): string[] {
  try {
    createConfiguration(flags, environment, memory);
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

/** What the container image gives V8 of 512 MiB. */
const small: Memory = { oldSpaceBytes: 281 * 1024 ** 2, processBytes: gibibyte / 2 };

test("the limits of everything in memory fit into it together", () => {
  const { limits } = createConfiguration({}, {}, small);
  const { storeBytesMax, queueBytesMax, watchHistoryBytesMax, watchQueueBytesMax, watchQueuesBytesMax } =
    limits;
  expect(storeBytesMax).toBeGreaterThan(64 * 1024 ** 2);
  expect(watchHistoryBytesMax).toBeLessThan(defaultLimits.watchHistoryBytesMax);
  expect(watchQueueBytesMax).toBeLessThanOrEqual(watchQueuesBytesMax);
  const together = storeBytesMax + queueBytesMax + watchHistoryBytesMax + watchQueuesBytesMax;
  expect(together).toBeLessThan(0.75 * small.oldSpaceBytes);
  // What one needs less is the store's.
  const other = createConfiguration({ "watch-history-bytes-max": "1" }, {}, small).limits;
  expect(other.storeBytesMax).toBeGreaterThan(storeBytesMax + watchHistoryBytesMax / 2);
});

test("a store that does not fit is refused, with the number to set", () => {
  const name = "DUETKV_STORE_BYTES_MAX";
  const [mistake = ""] = mistakesOf({}, { [name]: String(gibibyte) }, small);
  expect(mistake).toMatch(
    /^DUETKV_STORE_BYTES_MAX must be at most \d+: V8's old space has 281 MiB, the whole process 512 MiB/,
  );
  const [number = ""] = /\d+/.exec(mistake) ?? [];
  expect(mistakesOf({}, { [name]: number }, small)).toEqual([]);
  expect(mistakesOf({}, { [name]: String(Number(number) + 1) }, small)).toHaveLength(1);
  // V8 may be given more than the container has.
  expect(mistakesOf({}, { [name]: number }, { ...small, processBytes: gibibyte / 4 })).toHaveLength(1);
});

test("memory that leaves nothing for a store is refused", () => {
  const tooSmall = [
    expect.stringMatching(/^the memory is too small for these limits: V8's old space has 281 MiB/),
  ];
  expect(mistakesOf({ "queue-bytes-max": String(gibibyte) }, {}, small)).toEqual(tooSmall);
  expect(mistakesOf({}, {}, { ...small, processBytes: 1024 ** 2 })).toEqual(tooSmall);
  expect(mistakesOf({}, {}, { ...small, oldSpaceBytes: 1024 ** 2 })).toHaveLength(1);
});

test("bounds fit into the memory of the process also when V8 may have more than that", () => {
  const MiB = 1024 ** 2;
  for (const processBytes of [512 * MiB, gibibyte, 4 * gibibyte]) {
    const { limits } = createConfiguration({}, {}, { oldSpaceBytes: 4 * gibibyte, processBytes });
    const { storeBytesMax, queueBytesMax, watchHistoryBytesMax, watchQueuesBytesMax } = limits;
    const together = storeBytesMax + queueBytesMax + watchHistoryBytesMax + watchQueuesBytesMax;
    // V8 collects when garbage is half; 160 MiB is Node itself, and an eighth is for requests and responses.
    expect(together * 1.5 + 160 * MiB).toBeLessThanOrEqual((processBytes * 7) / 8);
  }
});
