/** A segment of a path template: its text, or `*` (one segment) or `**` (all that is left, at least one segment). */
type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "rest" };

/** A field that is bound to the segments `from` (inclusive) to `to` (exclusive). */
interface PathVariable {
  readonly fieldPath: string;
  readonly from: number;
  readonly to: number;
}

/** A path template of google.api.http: `/v1/{name=shelves/*}/books:archive`. */
export interface PathTemplate {
  readonly segments: readonly Segment[];
  readonly variables: readonly PathVariable[];
  /** Without its colon; empty when there is none. */
  readonly verb: string;
}

/** Parses a template by the grammar in google/api/http.proto. Throws an Error that names template and place. */
export function parsePathTemplate(template: string): PathTemplate {
  const segments: Segment[] = [];
  const variables: PathVariable[] = [];
  let at = 0;

  function fail(expected: string): never {
    throw new Error(`path template ${JSON.stringify(template)}, character ${at + 1}: expected ${expected}`);
  }
  function take(text: string): boolean {
    if (!template.startsWith(text, at)) return false;
    at += text.length;
    return true;
  }
  function takeWhile(pattern: RegExp, expected: string): string {
    pattern.lastIndex = at;
    const found = pattern.exec(template)?.[0] ?? fail(expected);
    at += found.length;
    return found;
  }
  function takeSegments(inVariable: boolean): void {
    do {
      if (segments.at(-1)?.kind === "rest") fail("nothing after **");
      if (take("**")) segments.push({ kind: "rest" });
      else if (take("*")) segments.push({ kind: "one" });
      else if (!inVariable && take("{")) takeVariable();
      else segments.push({ kind: "literal", text: takeWhile(/[^/*{}:=?#]+/y, "a segment") });
    } while (take("/"));
  }
  function takeVariable(): void {
    const fieldPath = takeWhile(/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/y, "the name of a field");
    const from = segments.length;
    if (take("=")) takeSegments(true);
    else segments.push({ kind: "one" });
    if (!take("}")) fail("}");
    variables.push({ fieldPath, from, to: segments.length });
  }

  if (!take("/")) fail("/");
  takeSegments(false);
  const verb = take(":") ? takeWhile(/[^/*{}:=?#]+/y, "a verb") : "";
  if (at < template.length) fail("the end");
  return { segments, variables, verb };
}
