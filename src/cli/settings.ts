import { readFileSync } from "node:fs";
import { type Context, contextFilePath, readContextFile } from "./context-file.ts";
import { usageFailure } from "./failure.ts";
import { readFlagValue } from "./flag-value.ts";
import type { GlobalFlagValues } from "./parse-command-line.ts";
import { TokenFile } from "./token-file.ts";

/** The settings of the connection. */
export interface ClientSettings {
  /** At least one URL with http: or https:. */
  readonly servers: readonly [URL, ...URL[]];
  readonly tokenFile: TokenFile;
  /** The contents of PEM files. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly timeoutMs: number;
}

/** The settings of the output. */
export interface OutputSettings {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly noColor: boolean;
}

const defaultServer = "http://127.0.0.1:8080";
const defaultTimeoutMs = 5000;

/**
 * Reads the connection settings. Flags take precedence over DUETKV_CLIENT_ variables, these over the context, and
 * that over the defaults.
 */
export function readClientSettings(flags: GlobalFlagValues, environment: NodeJS.ProcessEnv): ClientSettings {
  const context = readContext(flags.context ?? variable(environment, "context"), environment);
  const text = (name: "token-file" | "cacert" | "cert" | "key") =>
    flags[name] ?? variable(environment, name) ?? context[name];
  const given =
    flags.server.length > 0 ? flags.server : (variable(environment, "server")?.split(",") ?? context.server);
  const [ca, cert, key] = [text("cacert"), text("cert"), text("key")].map(readFile);
  if ((cert === undefined) !== (key === undefined)) throw usageFailure("--cert and --key go together");
  const secure = ca !== undefined || cert !== undefined;
  const servers = (given ?? [defaultServer]).map((server) => readServer(server.trim(), secure));
  return {
    servers: servers as [URL, ...URL[]],
    tokenFile: new TokenFile(text("token-file")),
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    timeoutMs: flags.timeout ?? readTimeout(variable(environment, "timeout"), context),
  };
}

export function readOutputSettings(flags: GlobalFlagValues, environment: NodeJS.ProcessEnv): OutputSettings {
  return {
    json: flags.json || isSet(environment, "json"),
    quiet: flags.quiet || isSet(environment, "quiet"),
    noColor: flags["no-color"] || isSet(environment, "no-color") || Boolean(environment["NO_COLOR"]),
  };
}

/** The environment variable of a global flag: DUETKV_CLIENT_TOKEN_FILE for --token-file. */
export function clientVariable(flag: string): string {
  return `DUETKV_CLIENT_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** An empty variable counts as unset. */
function variable(environment: NodeJS.ProcessEnv, flag: string): string | undefined {
  return environment[clientVariable(flag)] || undefined;
}

function isSet(environment: NodeJS.ProcessEnv, flag: string): boolean {
  const value = variable(environment, flag);
  if (value === undefined || value === "0" || value === "false") return false;
  if (value === "1" || value === "true") return true;
  throw usageFailure(`${clientVariable(flag)} must be true or false, not ${JSON.stringify(value)}`);
}

function readContext(name: string | undefined, environment: NodeJS.ProcessEnv): Context {
  const path = contextFilePath(environment);
  const { current, contexts } = readContextFile(path);
  const chosen = name ?? current;
  if (chosen === undefined) return {};
  if (Object.hasOwn(contexts, chosen)) return contexts[chosen] as Context;
  throw usageFailure(
    `there is no context ${JSON.stringify(chosen)} in ${path}`,
    "List the contexts: duetkv context ls.",
  );
}

function readTimeout(given: string | undefined, { timeout }: Context): number {
  if (given !== undefined) return readFlagValue("duration", given, clientVariable("timeout")) as number;
  if (timeout !== undefined) return readFlagValue("duration", timeout, "timeout of the context") as number;
  return defaultTimeoutMs;
}

/** An address without a scheme uses TLS when certificates are given. */
function readServer(text: string, secure: boolean): URL {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${secure ? "https" : "http"}://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const plain = url !== undefined && url.username === "" && url.search === "" && url.hash === "";
  if (plain && /^https?:$/.test(url.protocol) && url.hostname !== "") return url;
  throw usageFailure(
    `--server must be HOST:PORT, http://HOST:PORT or https://HOST:PORT, not ${JSON.stringify(text)}`,
  );
}

function readFile(path: string | undefined): Buffer | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path);
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as Error).message}`);
  }
}
