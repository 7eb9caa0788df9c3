import { expect, test } from "vitest";
import { describeFailure } from "../src/failure.ts";

function systemError(code: string, syscall: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall });
}

test("an error of the system is shown without a stack, with what to do", () => {
  const error = systemError("EPERM", "open", "EPERM: operation not permitted, open '/data/lock'");
  expect(describeFailure(error)).toBe(
    "duetkv: EPERM: operation not permitted, open '/data/lock'\nThe system does not permit this to the user that runs the service.",
  );
});

test("an error of the system without advice is shown without a stack", () => {
  const error = systemError("EIO", "read", "EIO: i/o error, read");
  expect(describeFailure(error)).toBe("duetkv: EIO: i/o error, read");
});

test("an unexpected error is shown with its origin", () => {
  expect(describeFailure(new Error("broken invariant"))).toContain("\n    at ");
});
