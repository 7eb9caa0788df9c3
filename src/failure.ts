import { ConfigurationError } from "./config/configuration.ts";
import { DuetError } from "./errors.ts";
import { OtelConfigurationError } from "./telemetry/otel-configuration.ts";

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "Stop the process that listens on this address, or choose another address with --listen or --admin-listen.",
  EADDRNOTAVAIL:
    "This machine does not have this address. Choose another address with --listen or --admin-listen.",
  EACCES: "Run the service as a user with this permission, or grant it.",
  EPERM:
    "The operating system does not permit this to the user that runs the service. Run it as another user.",
  EEXIST: "The path of the data directory is a file. Choose another path with --log.",
  ENOENT: "Check the path.",
  ENOTDIR: "A parent in the path is a file, not a directory. Correct the path.",
  EISDIR: "The path is a directory. Give the path of a file.",
  ENOTFOUND: "The host name is unknown. Choose another address with --listen or --admin-listen.",
  EROFS: "The file system is read-only. Mount it writable, or choose another path.",
  ENOSPC: "The disk is full. Free some space.",
};

const tlsAdvice = "Check that --tls-cert, --tls-key and --tls-client-ca are PEM files that belong together.";

/** The text on stderr when the service cannot start: what failed and what to do. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `duetkv: ${String(error)}`;
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof ConfigurationError || code?.startsWith("ERR_PARSE_ARGS")) {
    return `duetkv: ${error.message}\nSee duetkv --help.`;
  }
  if (error instanceof DuetError || error instanceof OtelConfigurationError)
    return `duetkv: ${error.message}`;
  const hint = code?.startsWith("ERR_OSSL") ? tlsAdvice : advice[code ?? ""];
  if (hint !== undefined) return `duetkv: ${describeSystemError(error)}\n${hint}`;
  // A system error names what failed. Any other error is unexpected and is shown with its stack.
  return "syscall" in error ? `duetkv: ${error.message}` : `duetkv: ${error.stack}`;
}

function describeSystemError(error: NodeJS.ErrnoException): string {
  if (error.syscall !== "mkdir") return error.message;
  return `cannot create the data directory (--log file:DIR): ${error.message}`;
}
