import { clientPreface, frameTypes } from "../../../src/wire/http2/frame-format.ts";
import type { Random } from "../../support/random.ts";
import {
  block,
  data,
  frame,
  headers,
  ping,
  requestFields,
  resetStream,
  settings,
  settingsAck,
  windowUpdate,
} from "./raw-frames.ts";

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

const oddFields = [
  ["content-length", "5"],
  ["content-length", "99999999"],
  ["te", "gzip"],
  ["host", "other"],
  ["cookie", "a=b"],
  ["expect", "100-continue"],
  ["connection", "close"],
  [":path", "/again"],
  ["UPPER", "case"],
  ["x-long", "v".repeat(5000)],
] as const;

/** `opened`: streams that the sequence has opened so far. */
function randomFrame(random: Random, opened: number[]): Buffer {
  const next = (opened.at(-1) ?? -1) + 2;
  const kind = random.below(opened.length === 0 ? 4 : 14);
  const isOpening = kind < 4 || kind === 11;
  let streamId = isOpening ? next : random.pick(opened);
  if (random.chance(0.05)) streamId = random.pick([0, 1, 2, 3, 5, 101, 0x7fff_ffff]);
  else if (isOpening) opened.push(next);
  const endStream = random.chance(0.5);
  switch (kind) {
    case 0:
    case 1:
    case 2:
      return headers(streamId, endStream);
    case 3:
      return headers(streamId, endStream, [...requestFields, random.pick(oddFields), random.pick(oddFields)]);
    case 4:
    case 5:
      return data(streamId, randomBytes(random, random.below(40)), endStream);
    case 6:
      return data(streamId, Buffer.alloc(random.below(16_385)), endStream);
    case 7:
      return windowUpdate(random.pick([0, streamId]), random.pick([0, 1, 100, 65_535, 65_535, 0x7fff_ffff]));
    case 8:
      return settings({ [random.below(8)]: random.pick([0, 1, 1, 16_384, 65_535, 0x7fff_ffff]) });
    case 9:
      return random.pick([
        settingsAck,
        ping(),
        ping(true),
        ping(false, randomBytes(random, random.below(12))),
      ]);
    case 10:
      return resetStream(streamId, random.below(16));
    case 11: {
      // A header block in two frames, with or without something in between.
      const whole = block(requestFields);
      const cut = random.below(whole.length);
      const first = frame(frameTypes.headers, endStream ? 1 : 0, streamId, whole.subarray(0, cut));
      const rest = frame(frameTypes.continuation, random.pick([0, 4, 4]), streamId, whole.subarray(cut));
      return random.chance(0.1) ? Buffer.concat([first, ping(), rest]) : Buffer.concat([first, rest]);
    }
    case 12:
      return frame(random.below(12), random.below(256), streamId, randomBytes(random, random.below(30)));
    default:
      return frame(
        random.below(12),
        random.below(64),
        streamId,
        Buffer.concat([randomBytes(random, 5), block(requestFields)]),
      );
  }
}

/** What a client with no good intentions sends on one connection. */
export function randomSequence(random: Random): Buffer {
  const opened: number[] = [];
  const frames = Array.from({ length: 1 + random.below(20) }, () => randomFrame(random, opened));
  const bytes = Buffer.concat([clientPreface, random.chance(0.95) ? settings() : Buffer.alloc(0), ...frames]);
  if (random.chance(0.5)) return bytes;
  for (let count = 1 + random.below(5); count > 0; count--) {
    bytes[clientPreface.length + random.below(bytes.length - clientPreface.length)] = random.below(256);
  }
  return random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}
