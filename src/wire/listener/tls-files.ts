/** PEM contents, and what clients must show. */
export interface TlsFiles {
  readonly key: string;
  /** The certificate of the server, and those between it and its root. */
  readonly cert: string;
  /** When given, clients present a certificate that one of these has signed. */
  readonly clientCa?: string;
  /** Whether clients may also present none. A certificate that is not valid is refused anyway. Default: false. */
  readonly clientCertOptional?: boolean;
  /** Default: TLSv1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** What a handshake needs; may be exchanged while the server runs. */
export function toSecureContextOptions({ key, cert, clientCa, minVersion = "TLSv1.2" }: TlsFiles) {
  return { key, cert, minVersion, ...(clientCa !== undefined && { ca: clientCa }) };
}
