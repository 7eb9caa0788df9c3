import type { Configuration } from "./config/configuration.ts";
import type { Logger } from "./logging.ts";
import { openAuditFile } from "./security/audit.ts";
import { openSecurity, type Security } from "./security/security.ts";

/** The identities and rights that the configuration asks for; undefined when it asks for none. `writeLine` is stdout. */
export async function configureSecurity(
  { policy, audit, auditFile }: Configuration,
  log: Logger,
  writeLine: (line: string) => void,
): Promise<Security | undefined> {
  if (policy === undefined && audit === "off") return undefined;
  const onError = (error: Error) => log.error({ err: error }, "audit not written");
  const sink =
    audit === "off"
      ? undefined
      : auditFile === undefined
        ? { write: writeLine, close: () => Promise.resolve() }
        : await openAuditFile(auditFile, onError);
  return openSecurity({ policy, log, ...(sink && audit !== "off" && { audit: { level: audit, sink } }) });
}
