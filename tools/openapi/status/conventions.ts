import { StatusService } from "../../../gen/duetkv/v1/status_pb.ts";
import type { OpenApiConvention, OpenApiConventions } from "../convention.ts";

const getStatus: OpenApiConvention = {
  revise: (operation) => ({
    ...operation,
    responses: {
      "200": {
        description: "Done.",
        ...operation.responses["200"],
        headers: {
          "Duetkv-Revision": {
            description: "The store's revision when it answered.",
            schema: { type: "string", pattern: "^\\d+$" },
          },
        },
      },
    },
  }),
};

const snapshot: OpenApiConvention = {
  reasons: ["OVERLOADED", "SNAPSHOT_TOO_SLOW"],
  revise: (operation) => ({
    ...operation,
    responses: {
      "200": {
        description:
          "A snapshot file. It is whole if its end frame is there: `duetkv snapshot verify` checks that.",
        content: { "application/octet-stream": {} },
      },
    },
  }),
};

const byMethod: Readonly<Record<string, OpenApiConvention>> = { GetStatus: getStatus, Snapshot: snapshot };

/** OpenAPI conventions of the status service, in addition to its HTTP rules. */
export const statusOpenApiConventions: OpenApiConventions = new Map(
  Object.entries(byMethod).map(([name, convention]) => [`${StatusService.typeName}.${name}`, convention]),
);
