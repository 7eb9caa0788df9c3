import type { PeerCertificate } from "node:tls";

/** The other end of a connection. */
export interface Peer {
  /** Of the client, or of the proxy before us. */
  readonly address: string;
  /** The client certificate, verified by TLS; undefined without one. */
  readonly certificate: ClientCertificate | undefined;
}

export interface ClientCertificate {
  /** Subject alternative names, `uri:…` before `dns:…`. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** The names by which a policy knows a certificate. Never the common name: a CA need not check it. */
export function toClientCertificate({ subjectaltname = "", valid_to }: PeerCertificate): ClientCertificate {
  const names = splitNames(subjectaltname);
  const uris = names.flatMap((name) => (name.startsWith("URI:") ? [`uri:${name.slice(4)}`] : []));
  const hosts = names.flatMap((name) =>
    name.startsWith("DNS:") ? [`dns:${name.slice(4).toLowerCase()}`] : [],
  );
  return { names: [...uris, ...hosts], expires: Date.parse(valid_to) };
}

/** Node joins the names with commas, and quotes as JSON those in which a comma could mean another name. */
function splitNames(text: string): string[] {
  const names: string[] = [];
  for (const [, type = "", quoted, plain = ""] of text.matchAll(
    /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/gy,
  )) {
    names.push(`${type}:${quoted === undefined ? plain : (JSON.parse(quoted) as string)}`);
  }
  return names;
}
