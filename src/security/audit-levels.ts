/** Which calls are written down: none, refused ones, those and writes, or all. */
export const auditLevels = ["off", "denied", "writes", "all"] as const;

export type AuditLevel = (typeof auditLevels)[number];
