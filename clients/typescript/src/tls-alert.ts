/**
 * What a server objects to in the certificate of this client, in the words of its TLS alert: "certificate required".
 * Undefined if something else failed. `error` is an error of Node, or has one as its cause.
 */
export function certificateAlert(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as { readonly code?: unknown };
    const name = /_ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA)$/.exec(String(code))?.[1];
    if (name !== undefined) return name.toLowerCase().replaceAll("_", " ");
  }
  return undefined;
}
