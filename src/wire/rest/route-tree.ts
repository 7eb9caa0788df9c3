import type { PathTemplate } from "./path-template.ts";

interface Node<Route> {
  readonly literals: Map<string, Node<Route>>;
  one: Node<Route> | undefined;
  /** Routes that end in `**` here, and routes that end here, by HTTP method. */
  rest: Map<string, Route> | undefined;
  here: Map<string, Route> | undefined;
}

export interface RouteMatch<Route> {
  readonly route: Route;
  /** Where each segment of the path begins. */
  readonly starts: readonly number[];
}

/** Finds routes by path and method: as many steps as the path has segments, however many routes there are. */
export class RouteTree<Route> {
  /** By verb; templates without one are under the empty verb. */
  readonly #roots = new Map<string, Node<Route>>();

  /** Adds a route for an HTTP method, or for all with `*`. Throws when that place is taken. */
  add(method: string, template: PathTemplate, route: Route): void {
    let node = this.#roots.get(template.verb);
    if (node === undefined) this.#roots.set(template.verb, (node = createNode()));
    for (const segment of template.segments) {
      if (segment.kind === "rest") break;
      const parent: Node<Route> = node;
      const child: Node<Route> | undefined =
        segment.kind === "one" ? parent.one : parent.literals.get(segment.text);
      node = child ?? createNode();
      if (segment.kind === "one") parent.one = node;
      else parent.literals.set(segment.text, node);
    }
    const byMethod =
      template.segments.at(-1)?.kind === "rest" ? (node.rest ??= new Map()) : (node.here ??= new Map());
    if (byMethod.has(method)) throw new Error(`two routes for ${method} on the same path template`);
    byMethod.set(method, route);
  }

  /**
   * The route for a raw path. What is more literal wins, and a verb wins over a variable that could swallow it.
   * HEAD falls back to GET. Undefined without a route for this method.
   */
  find(method: string, path: string): RouteMatch<Route> | undefined {
    return this.#search(path, (byMethod) => findMethod(byMethod, method));
  }

  /** The methods that have a route for this path, sorted; empty for an unknown path. */
  methodsOf(path: string): string[] {
    const methods = new Set<string>();
    this.#search(path, (byMethod) => {
      for (const method of byMethod.keys()) methods.add(method);
      return undefined;
    });
    if (methods.has("GET")) methods.add("HEAD");
    return [...methods].toSorted();
  }

  #search(
    path: string,
    choose: (byMethod: Map<string, Route>) => Route | undefined,
  ): RouteMatch<Route> | undefined {
    if (path.charCodeAt(0) !== 0x2f) return undefined;
    const starts: number[] = [];
    const colon = path.lastIndexOf(":");
    if (colon > path.lastIndexOf("/")) {
      const root = this.#roots.get(path.slice(colon + 1));
      const route = root && colon + 1 < path.length && walk(root, path.slice(0, colon), 1, starts, choose);
      if (route) return { route, starts };
    }
    const root = this.#roots.get("");
    const route = root && walk(root, path, 1, starts, choose);
    return route && { route, starts };
  }
}

function createNode<Route>(): Node<Route> {
  return { literals: new Map(), one: undefined, rest: undefined, here: undefined };
}

function findMethod<Route>(byMethod: Map<string, Route>, method: string): Route | undefined {
  return byMethod.get(method) ?? (method === "HEAD" ? byMethod.get("GET") : undefined) ?? byMethod.get("*");
}

/** Tries the children of `node` for the segment that begins at `start`; `starts` holds the segments that matched. */
function walk<Route>(
  node: Node<Route>,
  path: string,
  start: number,
  starts: number[],
  choose: (byMethod: Map<string, Route>) => Route | undefined,
): Route | undefined {
  const slash = path.indexOf("/", start);
  const end = slash === -1 ? path.length : slash;
  starts.push(start);
  const literal = node.literals.size === 0 ? undefined : node.literals.get(path.slice(start, end));
  // A single segment is never empty: `/shelves//books` names no shelf.
  for (const child of [literal, end > start ? node.one : undefined]) {
    if (child === undefined) continue;
    const found =
      slash === -1 ? child.here && choose(child.here) : walk(child, path, end + 1, starts, choose);
    if (found !== undefined) return found;
  }
  const found = node.rest && choose(node.rest);
  if (found === undefined) starts.pop();
  return found;
}
