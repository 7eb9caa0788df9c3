import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { ForwardingService } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { createHealthService, type Serving, servicesOf } from "./health.ts";
import { type CallObserver, intercept } from "./intercept.ts";
import { createKeyValueService } from "./key-value-service.ts";
import { createReflectionService } from "./reflection.ts";
import { createStatusService, type StatusServiceOptions } from "./status-service.ts";

/** A service and its handlers. */
interface ServiceRegistration {
  readonly service: DescService;
  readonly implementation: Partial<ServiceImpl<DescService>>;
}

export type { CallObserver };

/** Asked once for each method; what it returns is told of its calls. */
type Observe = (service: DescService, method: string) => CallObserver;

function register<Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
  observe: Observe,
): ServiceRegistration {
  const intercepted: Partial<ServiceImpl<Service>> = intercept(service, implementation, (method) =>
    observe(service, method),
  );
  return { service, implementation: intercepted };
}

export interface HealthRegistration {
  /** For every port; it does not need the database. */
  readonly registration: ServiceRegistration;
  /** Reports every service as not serving from now on, and ends running health watches. */
  drain(): void;
  /** Ends running health watches. */
  close(): void;
}

/** The health service, which serves before the database is open. */
export function createHealth(serving: Serving, observe: Observe): HealthRegistration {
  const health = createHealthService({ services: servicesOf(serving) });
  return {
    registration: register(Health, health.implementation, observe),
    drain: () => health.drain(),
    close: () => health.close(),
  };
}

/** Puts rules of access before the handlers of a service. */
type Protect = <Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
) => ServiceImpl<Service>;

export interface ServicesOptions extends StatusServiceOptions {
  /** Default: everybody may call everything. */
  readonly protect?: Protect | undefined;
  readonly health: HealthRegistration;
  readonly observe: Observe;
  /** For the other replicas; it has rules of access of its own. Default: not served. */
  readonly forwarding?: ServiceImpl<typeof ForwardingService> | undefined;
}

/** Creates all services of a database. */
export function createServices(options: ServicesOptions): readonly ServiceRegistration[] {
  const { database, limits, health, observe, protect, forwarding } = options;
  function serve<Service extends DescService>(service: Service, implementation: ServiceImpl<Service>) {
    const guarded = protect === undefined ? implementation : protect(service, implementation);
    return register(service, guarded, observe);
  }
  const reflection = createReflectionService([
    KeyValueService,
    StatusService,
    Health,
    ServerReflection,
    ServerReflectionAlpha,
  ]);
  return [
    serve(KeyValueService, createKeyValueService(database, limits)),
    serve(StatusService, createStatusService(options)),
    health.registration,
    serve(ServerReflection, reflection.v1),
    serve(ServerReflectionAlpha, reflection.v1alpha),
    // Clients cannot use it: reflection does not show it.
    ...(forwarding === undefined ? [] : [register(ForwardingService, forwarding, observe)]),
  ];
}
