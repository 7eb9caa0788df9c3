import { ConfigurationError } from "./config/configuration.ts";
import { DuetError } from "./errors.ts";

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: "Stop the process that listens there, or set another address with --listen or --admin-listen.",
  EADDRNOTAVAIL: "This machine does not have that address. Set another with --listen or --admin-listen.",
  EACCES: "The user that runs the service lacks the permission.",
  EPERM: "The system does not permit this to the user that runs the service.",
  EEXIST: "The path of the data directory is a file.",
  ENOENT: "Check the path.",
  ENOTDIR: "A part of the path is a file.",
  EISDIR: "The path is a directory; it must be a file.",
  ENOTFOUND: "The host name is unknown. Set another with --listen or --admin-listen.",
  EROFS: "The file system is read-only.",
  ENOSPC: "The disk is full.",
};

const tlsAdvice = "Check that --tls-cert, --tls-key and --tls-client-ca are PEM files that belong together.";

/** What a person is told when the service cannot start: what is wrong, and what to do. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `duetkv: ${String(error)}`;
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof ConfigurationError || code?.startsWith("ERR_PARSE_ARGS")) {
    return `duetkv: ${error.message}\nSee duetkv --help.`;
  }
  if (error instanceof DuetError) return `duetkv: ${error.message}`;
  const hint = code?.startsWith("ERR_OSSL") ? tlsAdvice : advice[code ?? ""];
  if (hint !== undefined) return `duetkv: ${describeSystemError(error)}\n${hint}`;
  // An error of the system says what failed; anything else is unexpected and shown with its origin.
  return "syscall" in error ? `duetkv: ${error.message}` : `duetkv: ${error.stack}`;
}

function describeSystemError(error: NodeJS.ErrnoException): string {
  if (error.syscall !== "mkdir") return error.message;
  return `cannot create the data directory (--log file:DIR): ${error.message}`;
}
