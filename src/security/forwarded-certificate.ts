/**
 * The names of the client certificate that a proxy forwards in `x-forwarded-client-cert`, as Envoy writes it: elements
 * separated by commas, each of `Key=value` pairs separated by semicolons, values in quotes where they have those. The last
 * element is of the peer of the proxy that we trust. Empty when it names none: the rights of
 * the proxy are not those of its clients.
 */
export function parseForwardedCertificate(header: string): readonly string[] {
  const elements = splitUnquoted(header, ",").map((element) => splitUnquoted(element, ";").map(parsePair));
  // A quote that a client left open would swallow what its proxy appends.
  if (!elements.flat().every(([, value]) => wellFormedValue.test(value))) return [];
  const pairs = (elements.at(-1) ?? []).map(([key, value]) => [key, unquote(value)] as const);
  const uris = pairs.flatMap(([key, value]) => (key === "uri" ? [`uri:${value}`] : []));
  const hosts = pairs.flatMap(([key, value]) => (key === "dns" ? [`dns:${value.toLowerCase()}`] : []));
  return [...uris, ...hosts];
}

/** All of it in quotes, or without any. */
const wellFormedValue = /^(?:"(?:[^"\\]|\\.)*"|[^"]*)$/;

function parsePair(pair: string): readonly [key: string, value: string] {
  const [key = "", ...value] = pair.trim().split("=");
  return [key.toLowerCase(), value.join("=")];
}

function splitUnquoted(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = "";
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] as string;
    if (isQuoted && character === "\\") part += character + (text[++index] ?? "");
    else if (character === separator && !isQuoted) {
      parts.push(part);
      part = "";
    } else {
      if (character === '"') isQuoted = !isQuoted;
      part += character;
    }
  }
  return [...parts, part];
}

function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
}
