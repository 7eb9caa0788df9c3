/** Rights to keys, which a policy grants and denies by prefix. */
export const keyRights = ["read", "list", "watch", "write", "delete"] as const;

export type KeyRight = (typeof keyRights)[number];

/** Rights to the server as a whole. */
export const serverRights = ["status", "snapshot"] as const;

export type ServerRight = (typeof serverRights)[number];

/** Stands for all rights of its kind. */
export const allRights = "*";
