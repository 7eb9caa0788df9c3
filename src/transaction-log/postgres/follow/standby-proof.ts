/**
 * An expression that writes to the log of the database if there is a synchronous standby, so that the statement responds
 * only after the standby has everything that the statement could read.
 *
 * A commit is not visible before its wait for the standby has ended. But the wait also ends when it is cancelled, when its
 * backend is terminated, and when the primary restarts: then a visible batch may be missing on the standby, and a failover
 * takes it back. The standby receives commits in order, so it has all that was visible before a later commit which has
 * waited. The message is only a reason to commit: it needs no row, and nobody reads it.
 */
export const standbyProof = `CASE WHEN current_setting('synchronous_standby_names') <> ''
    THEN pg_logical_emit_message(true, 'duetkv', '') END`;
