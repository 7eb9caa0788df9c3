/** The exit codes of client commands. They are part of the interface. */
export const exitCodes = {
  done: { code: 0, meaning: "done" },
  failed: { code: 1, meaning: "another failure" },
  usage: { code: 2, meaning: "the command line or the request is wrong" },
  noSuchKey: { code: 3, meaning: "there is no such key" },
  conditionFailed: { code: 4, meaning: "a condition failed, or a lock is held" },
  denied: { code: 5, meaning: "not authenticated, or not permitted" },
  unavailable: {
    code: 6,
    meaning: "the server cannot be reached or did not respond in time; nothing happened",
  },
  outcomeUnknown: { code: 7, meaning: "the write may or may not have happened" },
  limit: { code: 8, meaning: "a limit is exceeded, or the store is full" },
  found: { code: 9, meaning: "verify, diff, import or export found a difference or damage" },
  lockLost: { code: 75, meaning: "the lock or the leadership was lost" },
  interrupted: { code: 130, meaning: "interrupted" },
} as const;

export type Outcome = keyof typeof exitCodes;
