import { nearestName } from "./nearest-name.ts";
import { settings, toVariableName } from "./settings.ts";

export interface UnknownVariable {
  readonly variable: string;
  /** The known variable with the most similar name. */
  readonly nearest: string | undefined;
}

/** Kubernetes sets these variables for a service with the name duetkv. */
const injected = /^DUETKV_(?:SERVICE_|PORT$|PORT_)|_SERVICE_(?:HOST|PORT)|_PORT_\d/;

/** The variables that begin with DUETKV_ but have no effect. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly UnknownVariable[] {
  const known = Object.keys(settings.entries).map(toVariableName);
  return (
    Object.keys(environment)
      .filter((name) => name.startsWith("DUETKV_") && !known.includes(name))
      // Variables of the client commands do not concern the server.
      .filter((name) => !injected.test(name) && !name.startsWith("DUETKV_CLIENT_"))
      .map((variable) => ({ variable, nearest: nearestName(variable, known) }))
  );
}
