import { resolve } from "node:path";
import { type Context, contextFilePath, readContextFile, writeContextFile } from "../context-file.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import type { GlobalFlagValues } from "../parse-command-line.ts";
import { readClientSettings } from "../settings.ts";

export const runAdd: Run<"context add"> = async ({ positionals: [name = ""], globals, output }) => {
  if (!/^[\w.-]{1,100}$/.test(name)) {
    throw usageFailure("NAME must be at most 100 letters, digits, dots, dashes and underscores");
  }
  const context = toContext(globals);
  if (Object.keys(context).length === 0) {
    throw usageFailure(
      "there are no flags to save",
      "Give the server: duetkv context add NAME --server HOST:PORT.",
    );
  }
  // Reports mistakes now rather than at the first use.
  readClientSettings({ ...globals, context: undefined }, {});
  const path = contextFilePath(process.env);
  const { current = name, contexts } = readContextFile(path);
  writeContextFile(path, { current, contexts: { ...contexts, [name]: context } });
  output.note(current === name ? `saved ${name}; it is the current context` : `saved ${name}`);
  return 0;
};

export const runUse: Run<"context use"> = async ({ positionals: [name = ""], output }) => {
  const path = contextFilePath(process.env);
  const { contexts } = readContextFile(path);
  if (!Object.hasOwn(contexts, name)) {
    throw usageFailure(
      `there is no context ${JSON.stringify(name)}`,
      "List the contexts: duetkv context ls.",
    );
  }
  writeContextFile(path, { current: name, contexts });
  output.note(`${name} is the current context`);
  return 0;
};

export const runLs: Run<"context ls"> = async ({ output }) => {
  const { current, contexts } = readContextFile(contextFilePath(process.env));
  for (const [name, context] of Object.entries(contexts)) {
    if (output.json) output.object({ name, current: name === current, ...context });
    else output.line(`${name === current ? "*" : " "} ${name} ${context.server?.join(" ") ?? ""}`.trimEnd());
  }
  return 0;
};

/** File names are made absolute: the next command may run in another directory. */
function toContext({ server, timeout, ...flags }: GlobalFlagValues): Context {
  const files = (["token-file", "cacert", "cert", "key"] as const).flatMap((flag) => {
    const path = flags[flag];
    return path === undefined ? [] : [[flag, resolve(path)]];
  });
  return {
    ...(server.length > 0 && { server }),
    ...Object.fromEntries(files),
    ...(timeout !== undefined && { timeout: `${timeout}ms` }),
  };
}
