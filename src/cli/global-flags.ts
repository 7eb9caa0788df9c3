import type { Flags } from "./command.ts";

/** The flags of all commands, before or after the command's name. */
export const globalFlags = {
  server: {
    type: "texts",
    value: "ADDRESS",
    text: "HOST:PORT, http://… or https://…; several are tried in turn (127.0.0.1:8080)",
  },
  context: { type: "text", value: "NAME", text: "the saved context to use (the current one)" },
  "token-file": { type: "text", value: "FILE", text: "file with the token to authenticate with" },
  cacert: {
    type: "text",
    value: "FILE",
    text: "PEM certificates of trusted CAs; implies TLS",
  },
  cert: { type: "text", value: "FILE", text: "PEM certificate of the client" },
  key: { type: "text", value: "FILE", text: "PEM key of the client's certificate" },
  timeout: {
    type: "duration",
    value: "TIME",
    text: "limit for each call with all its retries: 500ms, 3s, 10m (5s)",
  },
  json: { type: "boolean", text: "print JSON, one object a line" },
  quiet: { type: "boolean", text: "print results and errors only" },
  "no-color": { type: "boolean", text: "no colors on a terminal; NO_COLOR does the same" },
  help: { type: "boolean", text: "print the help of the command" },
} as const satisfies Flags;
