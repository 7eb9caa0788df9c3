import { ConfigurationError } from "./config/configuration.ts";
import { DuetError } from "./duet-error.ts";

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: "Stop what listens there, or choose other addresses with --listen and --admin-listen.",
  EADDRNOTAVAIL: "This machine has no such address; choose another with --listen and --admin-listen.",
  EACCES: "The user that the service runs as is not allowed to do that.",
  EEXIST: "There is a file where the data directory should be.",
  ENOENT: "There is no such file.",
  ENOTDIR: "There is a file where a directory should be.",
  ENOTFOUND: "Nobody knows this host; choose another with --listen and --admin-listen.",
  EROFS: "The file system takes no writes.",
  ENOSPC: "The disk is full.",
};

const tlsAdvice = "Check that --tls-cert, --tls-key and --tls-client-ca are PEM files that go together.";

/** What a person is told when the service cannot start: what is wrong, and what to do. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `duetkv: ${String(error)}`;
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof ConfigurationError || code?.startsWith("ERR_PARSE_ARGS")) {
    return `duetkv: ${error.message}\nSee duetkv --help.`;
  }
  if (error instanceof DuetError) return `duetkv: ${error.message}`;
  const hint = code?.startsWith("ERR_OSSL") ? tlsAdvice : advice[code ?? ""];
  // What nobody expected is shown with its origin.
  return hint === undefined ? `duetkv: ${error.stack}` : `duetkv: ${error.message}\n${hint}`;
}
