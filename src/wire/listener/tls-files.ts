/** PEM contents. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  /** When given, clients must present a certificate that it has signed. */
  readonly clientCa?: string;
}
