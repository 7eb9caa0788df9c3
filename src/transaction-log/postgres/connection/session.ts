import { Connection, type ConnectionOptions } from "./connection.ts";
import { sqlState } from "./database-error.ts";

/**
 * Opens a session on the first server of the URL that accepts writes. `onTry` receives each connection before it opens, so
 * that the caller can drop it meanwhile. Without `setUp` the session keeps the server's settings. Rejects with the error
 * of a server that responded, or with all errors.
 */
export async function openSession(
  options: ConnectionOptions,
  onTry: (connection: Connection) => void = () => {},
  { setUp = true } = {},
): Promise<Connection> {
  const errors: unknown[] = [];
  for (const url of options.hosts.urls) {
    const connection = new Connection(url, options);
    onTry(connection);
    try {
      await (setUp ? connection.start() : connection.connect());
      options.hosts.prefer(url);
      return connection;
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  throw (
    errors.find((error) => sqlState(error) !== undefined) ??
    new AggregateError(errors, "none of the servers in the URL can be used")
  );
}
