import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { setGrpcStatus } from "../../../src/wire/grpc/status.ts";

it.each([
  ["the key exists, at revision 1: /a?b;c", "the key exists, at revision 1: /a?b;c"],
  ["100%", "100%25"],
  ["a\nb", "a%0Ab"],
  ["é😀", "%C3%A9%F0%9F%98%80"],
])("encodes %j as the contract of gRPC says", (message, encoded) => {
  const trailers = setGrpcStatus(new Headers(), new ConnectError(message, Code.AlreadyExists));
  expect(trailers.get("grpc-message")).toBe(encoded);
  expect(trailers.get("grpc-status")).toBe("6");
});

it("says that a call went well", () => {
  const trailers = setGrpcStatus(new Headers(), undefined);
  expect([...trailers]).toEqual([["grpc-status", "0"]]);
});
