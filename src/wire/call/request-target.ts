/** A request target, split and otherwise as it was sent: nothing decoded, no dots folded. */
export interface RequestTarget {
  /** From the first slash on; `*` for the asterisk form. */
  readonly path: string;
  /** Without its question mark; empty when there is none. */
  readonly query: string;
}

const absoluteForm = /^https?:\/\/[^/?]*/i;

/** Splits a raw request target (origin, absolute or asterisk form); undefined for other forms. */
export function splitRequestTarget(target: string): RequestTarget | undefined {
  let rest = target;
  if (target.charCodeAt(0) !== 0x2f) {
    if (target === "*") return { path: target, query: "" };
    const origin = absoluteForm.exec(target)?.[0];
    if (origin === undefined) return undefined;
    rest = target.slice(origin.length);
    if (rest.charCodeAt(0) !== 0x2f) rest = `/${rest}`;
  }
  const mark = rest.indexOf("?");
  return mark === -1 ? { path: rest, query: "" } : { path: rest.slice(0, mark), query: rest.slice(mark + 1) };
}
