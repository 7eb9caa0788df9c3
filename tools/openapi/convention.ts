import type { DescMethod } from "@bufbuild/protobuf";
import type { Reason } from "../../src/reasons.ts";
import type { Operation } from "./document.ts";
import type { Failure } from "./errors.ts";
import type { JsonSchemas } from "./json-schema.ts";

/** What is told of one method beside its HTTP rule. Every part may be left out. */
export interface OpenApiConvention {
  /** Why the method can fail, beside what can happen to every call. */
  readonly reasons?: readonly Reason[];
  /** Failures with another status than the table's. */
  readonly failures?: readonly Failure[];
  /** Gets the operation as its HTTP rule alone has it, and gives it as it is really served. */
  readonly revise?: (operation: Operation, method: DescMethod, schemas: JsonSchemas) => Operation;
}

/** Conventions by method: `package.Service.Method`. */
export type OpenApiConventions = ReadonlyMap<string, OpenApiConvention>;
