import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { toDuetError } from "../../clients/typescript/src/grpc-error.ts";

const url = "http://localhost";

// Connect's names for a connection that fails under a call.
test.each([Code.Aborted, Code.Canceled, Code.Internal, Code.Unknown])(
  "a lost connection is not the service's word, whatever it is called (code %i)",
  (code) => {
    expect(toDuetError(new ConnectError("read ECONNRESET", code), url)).toMatchObject({
      code: "unavailable",
      outcome: "unknown",
    });
  },
);

// Node's words, when a server closes its connection in order while a call begins.
test("a refused stream has done nothing", () => {
  const error = new ConnectError("Stream closed with error code NGHTTP2_REFUSED_STREAM", Code.Internal);
  expect(toDuetError(error, url)).toMatchObject({ code: "unavailable", outcome: "nothing" });
});

test("a conflict that the service reports stays one", () => {
  const error = new ConnectError("the revision is 2, not 1", Code.Aborted);
  Object.assign(error, { isWireError: true });
  expect(toDuetError(error, url)).toMatchObject({ name: "ConflictError", code: "aborted" });
});
