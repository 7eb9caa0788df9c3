import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { usageFailure } from "./failure.ts";

/** The address of a server and the credentials for it. It contains file names, not secrets. */
export interface Context {
  readonly server?: readonly string[];
  readonly "token-file"?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly timeout?: string;
}

export interface ContextFile {
  /** The name of the context that is used by default. */
  readonly current?: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** The path of the context file: $XDG_CONFIG_HOME/duetkv/contexts.json, by default below ~/.config. */
export function contextFilePath(environment: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: folder, HOME: home } = environment;
  return join(folder || join(home || homedir(), ".config"), "duetkv", "contexts.json");
}

/** Reads the context file; no contexts if it is missing. Throws CommandFailure if it is invalid. */
export function readContextFile(path: string): ContextFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { contexts: {} };
    throw usageFailure(`cannot read the contexts: ${(error as Error).message}`);
  }
  try {
    const file: unknown = JSON.parse(text);
    if (isContextFile(file)) return file;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw usageFailure(
    `${path} is not a valid context file`,
    "Remove it and save the contexts again: duetkv context add.",
  );
}

/** Writes the context file, readable by the user only. The file is replaced atomically. */
export function writeContextFile(path: string, file: ContextFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

function isContextFile(file: unknown): file is ContextFile {
  if (!isObject(file) || !isObject(file["contexts"])) return false;
  if (file["current"] !== undefined && typeof file["current"] !== "string") return false;
  return Object.values(file["contexts"]).every(
    (context) =>
      isObject(context) &&
      Object.entries(context).every(([name, value]) =>
        name === "server"
          ? Array.isArray(value) && value.every((each) => typeof each === "string")
          : typeof value === "string",
      ),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
