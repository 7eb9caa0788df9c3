import type { ServiceImpl } from "@connectrpc/connect";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { type Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { DuetError } from "../errors.ts";

export interface HealthOptions {
  /** Whether each service is serving, by the name that clients use. */
  readonly services: ReadonlyMap<string, () => boolean>;
  /** How often a Watch call checks for a change, in milliseconds. Default: 500. */
  readonly pollMs?: number;
}

/** Why the process does not serve reads or writes; undefined when it does. */
export interface Serving {
  readsFault(): string | undefined;
  writesFault(): string | undefined;
}

/** The names that clients ask for: all names of the process and its service mean reads, "writable" means writes. */
export function servicesOf(serving: Serving): HealthOptions["services"] {
  const reads = () => serving.readsFault() === undefined;
  return new Map([
    ["", reads],
    [KeyValueService.typeName, reads],
    ["writable", () => serving.writesFault() === undefined],
  ]);
}

export interface HealthService {
  readonly implementation: ServiceImpl<typeof Health>;
  /** Reports every service as NOT_SERVING from now on. Running Watch calls send that at once. */
  drain(): void;
  /** Ends running Watch calls with SHUTTING_DOWN, after they have sent the latest status. */
  close(): void;
}

/** Serves grpc.health.v1: the status of each service, for load balancers and probes. */
export function createHealthService({ services, pollMs = 500 }: HealthOptions): HealthService {
  let draining = false;
  let closed = false;
  const wakes = new Set<() => void>();

  function statusOf(service: string): Status {
    const serves = services.get(service);
    if (serves === undefined) return Status.SERVICE_UNKNOWN;
    return !draining && serves() ? Status.SERVING : Status.NOT_SERVING;
  }

  /** Resolves when the status may have changed, and when the signal is aborted. */
  function change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      function wake(): void {
        clearTimeout(timer);
        wakes.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      }
      const timer = setTimeout(wake, pollMs).unref();
      wakes.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  function wakeAll(): void {
    for (const wake of wakes) wake();
  }

  return {
    implementation: {
      check({ service }) {
        const status = statusOf(service);
        if (status === Status.SERVICE_UNKNOWN)
          throw new DuetError("NO_SUCH_SERVICE", "the server has no service with this name");
        return { status };
      },
      list: () => ({
        statuses: Object.fromEntries([...services.keys()].map((name) => [name, { status: statusOf(name) }])),
      }),
      async *watch({ service }, { signal }) {
        let sent: Status | undefined;
        while (!signal.aborted) {
          const status = statusOf(service);
          if (status !== sent) {
            yield { status };
            sent = status;
            // The status may have changed while it was being sent.
            continue;
          }
          if (closed) throw new DuetError("SHUTTING_DOWN", "the server is shutting down");
          await change(signal);
        }
        if (signal.reason instanceof DuetError) throw signal.reason;
      },
    },
    drain() {
      draining = true;
      wakeAll();
    },
    close() {
      closed = true;
      wakeAll();
    },
  };
}
