import type { DescMethod } from "@bufbuild/protobuf";
import type { Reason } from "../../src/reasons.ts";
import type { Operation } from "./document.ts";
import type { Failure } from "./errors.ts";
import type { JsonSchemas } from "./json-schema.ts";

/** Additions to the HTTP rule of one method. Every part is optional. */
export interface OpenApiConvention {
  /** Reasons of errors of this method, in addition to those of every call. */
  readonly reasons?: readonly Reason[];
  /** Errors with a status that differs from the table's. */
  readonly failures?: readonly Failure[];
  /** Converts the operation from its HTTP rule to the one that is served. */
  readonly revise?: (operation: Operation, method: DescMethod, schemas: JsonSchemas) => Operation;
}

/** Conventions by method: `package.Service.Method`. */
export type OpenApiConventions = ReadonlyMap<string, OpenApiConvention>;
