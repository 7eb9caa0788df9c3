/** For calls that must succeed, however busy the machine is. In milliseconds. */
export const patienceMs = 120_000;
