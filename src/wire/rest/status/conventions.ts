import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type GetStatusResponseSchema,
  type SnapshotResponse,
  StatusService,
} from "../../../../gen/duetkv/v1/status_pb.ts";
import type { RestConvention, RestConventions } from "../convention.ts";

const getStatus: RestConvention<never, MessageInitShape<typeof GetStatusResponseSchema>> = {
  respond: ({ revision = 0n }, _headers, json) => ({
    status: 200,
    headers: { "content-type": "application/json", "duetkv-revision": String(revision) },
    body: json(),
  }),
};

/** A snapshot is a file: its bytes alone. */
const snapshot: RestConvention<never, SnapshotResponse> = { streamBytes: ({ data }) => data };

const byMethod = { GetStatus: getStatus, Snapshot: snapshot };

/** How REST shows the state of the server and of its store. */
export const statusConventions: RestConventions = new Map(
  Object.entries(byMethod).map(([name, convention]) => [
    `${StatusService.typeName}.${name}`,
    convention as RestConvention,
  ]),
);
