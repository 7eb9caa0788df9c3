import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { createHealthService } from "./health.ts";
import { type CallObserver, intercept } from "./intercept.ts";
import { createKeyValueService } from "./key-value-service.ts";
import { createReflectionService } from "./reflection.ts";
import { createStatusService, type StatusServiceOptions } from "./status-service.ts";

/** A service and its handlers. */
interface ServiceRegistration {
  readonly service: DescService;
  readonly implementation: Partial<ServiceImpl<DescService>>;
}

export interface Services {
  readonly registrations: readonly ServiceRegistration[];
  /** From now on every service is reported as not serving, and running health watches end. */
  drain(): void;
}

export interface ServicesOptions extends StatusServiceOptions {
  /** Asked once for each method; what it returns is told of its calls. */
  readonly observe: (service: DescService, method: string) => CallObserver;
}

/** All services over a database. */
export function createServices({ observe, ...options }: ServicesOptions): Services {
  const { database, limits } = options;
  function register<Service extends DescService>(
    service: Service,
    implementation: ServiceImpl<Service>,
  ): ServiceRegistration {
    const intercepted: Partial<ServiceImpl<Service>> = intercept(service, implementation, (method) =>
      observe(service, method),
    );
    return { service, implementation: intercepted };
  }

  const reads = () => {
    const { followsLog, difference } = database.status();
    return followsLog && difference === undefined;
  };
  const health = createHealthService({
    services: new Map([
      ["", reads],
      [KeyValueService.typeName, reads],
      ["writable", () => reads() && database.status().fault === undefined],
    ]),
  });
  const reflection = createReflectionService([
    KeyValueService,
    StatusService,
    Health,
    ServerReflection,
    ServerReflectionAlpha,
  ]);
  return {
    registrations: [
      register(KeyValueService, createKeyValueService(database, limits)),
      register(StatusService, createStatusService(options)),
      register(Health, health.implementation),
      register(ServerReflection, reflection.v1),
      register(ServerReflectionAlpha, reflection.v1alpha),
    ],
    drain() {
      health.drain();
      health.close();
    },
  };
}
