import { nearestName } from "./nearest-name.ts";
import { settings, toVariableName } from "./settings.ts";

export interface UnknownVariable {
  readonly variable: string;
  /** The known variable that it may have been meant for. */
  readonly nearest: string | undefined;
}

/** Kubernetes sets these for a service that is called duetkv. */
const injected = /^DUETKV_(?:SERVICE_|PORT$|PORT_)|_SERVICE_(?:HOST|PORT)|_PORT_\d/;

/** Variables whose name begins with DUETKV_ and that set nothing. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly UnknownVariable[] {
  const known = Object.keys(settings.entries).map(toVariableName);
  return (
    Object.keys(environment)
      .filter((name) => name.startsWith("DUETKV_") && !known.includes(name))
      // Those of the client commands say nothing to the service.
      .filter((name) => !injected.test(name) && !name.startsWith("DUETKV_CLIENT_"))
      .map((variable) => ({ variable, nearest: nearestName(variable, known) }))
  );
}
