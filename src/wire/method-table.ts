import type { DescService } from "@bufbuild/protobuf";
import { createServiceImplSpec, type MethodImplSpec, type ServiceImpl } from "@connectrpc/connect";

/** A service and the handlers that serve it, the same ones for every protocol. */
export interface ServiceRegistration {
  readonly service: DescService;
  readonly implementation: Partial<ServiceImpl<DescService>>;
}

/** Pairs a service with its handlers, checked against each other. Methods without a handler respond with unimplemented. */
export function registerService<Service extends DescService>(
  service: Service,
  implementation: Partial<ServiceImpl<Service>>,
): ServiceRegistration {
  return { service, implementation };
}

/** One method of a registered service: its descriptor, its kind and the handler, bound. */
export interface MethodEntry {
  readonly service: DescService;
  /** `/package.Service/Method`, where gRPC, gRPC-Web and Connect look for it. */
  readonly path: string;
  readonly spec: MethodImplSpec;
}

/** Every method of the registered services, by path. Throws when a service is registered twice. */
export function createMethodTable(
  services: readonly ServiceRegistration[],
): ReadonlyMap<string, MethodEntry> {
  const table = new Map<string, MethodEntry>();
  for (const { service, implementation } of services) {
    for (const spec of Object.values(createServiceImplSpec(service, implementation).methods)) {
      const path = `/${service.typeName}/${spec.method.name}`;
      if (table.has(path)) throw new Error(`${service.typeName} is registered twice`);
      table.set(path, { service, path, spec });
    }
  }
  return table;
}
