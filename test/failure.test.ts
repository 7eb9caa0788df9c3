import { expect, test } from "vitest";
import { describeFailure } from "../src/failure.ts";

function systemError(code: string, syscall: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall });
}

test("a system error is shown without a stack, with what to do", () => {
  const error = systemError("EPERM", "open", "EPERM: operation not permitted, open '/data/lock'");
  expect(describeFailure(error)).toBe(
    "duetkv: EPERM: operation not permitted, open '/data/lock'\nThe operating system does not permit this to the user that runs the service. Run it as another user.",
  );
});

test("a system error without advice is shown without a stack", () => {
  const error = systemError("EIO", "read", "EIO: i/o error, read");
  expect(describeFailure(error)).toBe("duetkv: EIO: i/o error, read");
});

test("an unexpected error is shown with its stack", () => {
  expect(describeFailure(new Error("broken invariant"))).toContain("\n    at ");
});
