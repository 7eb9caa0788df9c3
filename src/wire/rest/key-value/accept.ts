/** What a range of an Accept header says about one media type: how exactly it fits (3, 2, 1; 0 not at all), and q. */
interface Quality {
  readonly fit: number;
  readonly q: number;
}

const quoted = /"(?:[^"\\]|\\.)*"/g;

/**
 * Whether an Accept header asks for JSON rather than for the value itself: application/json has a higher quality than
 * both text/plain and application/octet-stream. No header, `*\/*` and a tie mean the value. Ranges that are no ranges are
 * passed over.
 */
export function prefersJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === "*/*" || !/json|application\/\*/i.test(accept)) return false;
  // A comma in a quoted parameter separates no ranges. Parameters other than q are ignored.
  const ranges = accept.replace(quoted, "x").toLowerCase().split(",");
  const json = qualityOf("application", "json", ranges);
  return (
    json > 0 &&
    json > qualityOf("text", "plain", ranges) &&
    json > qualityOf("application", "octet-stream", ranges)
  );
}

/** The quality of a media type: that of the range which fits most exactly, 0 when none does (RFC 9110, section 12.5.1). */
function qualityOf(type: string, subtype: string, ranges: readonly string[]): number {
  let best: Quality = { fit: 0, q: 0 };
  for (const range of ranges) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim());
    const [rangeType, rangeSubtype] = name.split("/");
    const typeFits = rangeType === type || (rangeType === "*" && rangeSubtype === "*");
    const subtypeFits = rangeSubtype === subtype || rangeSubtype === "*";
    if (!typeFits || !subtypeFits) continue;
    const fit = 1 + (rangeType === type ? 1 : 0) + (rangeSubtype === subtype ? 1 : 0);
    const q = parseQuality(parameters);
    if (q !== undefined && (fit > best.fit || (fit === best.fit && q > best.q))) best = { fit, q };
  }
  return best.q;
}

function parseQuality(parameters: readonly string[]): number | undefined {
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  if (q === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(q) ? Number(q.slice(2)) : undefined;
}
