import type { Flag } from "./command.ts";
import { usageFailure } from "./failure.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The longest delay of a Node timer. */
const durationMsMax = 2 ** 31 - 1;

const revisionMax = 2n ** 63n - 1n;

/**
 * Parses the value of a flag. `source` names it in the failure: --ttl, DUETKV_CLIENT_TIMEOUT. Throws CommandFailure.
 */
export function readFlagValue(type: Flag["type"], text: string, source: string): string | number {
  switch (type) {
    case "duration":
      return readDuration(text, source);
    case "revision": {
      if (/^\d{1,19}$/.test(text) && BigInt(text) <= revisionMax) return String(BigInt(text));
      throw usageFailure(`${source} must be a revision, a whole number, not ${JSON.stringify(text)}`);
    }
    case "count": {
      if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
      throw usageFailure(`${source} must be a whole number from 1 to 999999999, not ${JSON.stringify(text)}`);
    }
    case "share": {
      if (/^(?:0(?:\.\d{1,9})?|1(?:\.0+)?)$/.test(text)) return Number(text);
      throw usageFailure(`${source} must be a number from 0 to 1, not ${JSON.stringify(text)}`);
    }
    case "text":
    case "texts":
    case "boolean":
      return text;
  }
}

/** Parses a duration to milliseconds. */
function readDuration(text: string, source: string): number {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (unitMs[unit ?? ""] ?? Number.NaN));
  if (ms > 0 && ms <= durationMsMax) return ms;
  throw usageFailure(
    `${source} must be a time such as 500ms, 3s or 10m, at most 596h, not ${JSON.stringify(text)}`,
  );
}
