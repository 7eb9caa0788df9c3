import type { Flags } from "./command.ts";

/** What every command takes, before or after its name. */
export const globalFlags = {
  server: {
    type: "texts",
    value: "ADDRESS",
    text: "HOST:PORT, http://… or https://…; several are tried in turn (127.0.0.1:8080)",
  },
  context: { type: "text", value: "NAME", text: "the saved context to use (the one of `context use`)" },
  "token-file": { type: "text", value: "FILE", text: "file with the token that says who you are" },
  cacert: {
    type: "text",
    value: "FILE",
    text: "PEM certificates to trust; the server is then reached by TLS",
  },
  cert: { type: "text", value: "FILE", text: "PEM certificate of the client" },
  key: { type: "text", value: "FILE", text: "PEM key of the client's certificate" },
  timeout: {
    type: "duration",
    value: "TIME",
    text: "for each call, all tries together: 500ms, 3s, 10m (5s)",
  },
  json: { type: "boolean", text: "print JSON: one object, or one a line" },
  quiet: { type: "boolean", text: "print results and errors only" },
  "no-color": { type: "boolean", text: "no colors on a terminal; NO_COLOR does the same" },
  help: { type: "boolean", text: "print the help of the command" },
} as const satisfies Flags;

/**
 * Whether the arguments of `duetkv` are a command, rather than settings of the service: they begin with a word, or with a
 * flag that only commands take.
 */
export function isCommandLine([first]: readonly string[]): boolean {
  if (first === undefined || first === "-h" || first === "--help") return false;
  return !first.startsWith("-") || Object.hasOwn(globalFlags, first.replace(/^--|=.*$/gs, ""));
}
