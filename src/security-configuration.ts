import type { Configuration } from "./config/configuration.ts";
import type { Logger } from "./logging.ts";
import type { AuditSink } from "./security/audit.ts";
import { AuditFile } from "./security/audit-file.ts";
import { openSecurity, type Security } from "./security/security.ts";

/**
 * The identities and rights that the configuration asks for; undefined when it asks for none. `writeLine` is stdout, and says
 * whether the line was taken.
 */
export async function configureSecurity(
  { policy, audit, auditFile }: Configuration,
  log: Logger,
  writeLine: (line: string) => boolean,
): Promise<Security | undefined> {
  if (policy === undefined && audit === "off") return undefined;
  const onError = (error: Error) => log.error({ err: error }, "audit not written");
  const sink =
    audit === "off"
      ? undefined
      : auditFile === undefined
        ? auditToOutput(writeLine)
        : await AuditFile.open(auditFile, onError);
  return openSecurity({ policy, log, ...(sink && audit !== "off" && { audit: { level: audit, sink } }) });
}

function auditToOutput(writeLine: (line: string) => boolean): AuditSink {
  let dropped = 0;
  return {
    write(line) {
      if (!writeLine(line)) dropped++;
    },
    get dropped() {
      return dropped;
    },
    reopen() {},
    close: () => Promise.resolve(),
  };
}
