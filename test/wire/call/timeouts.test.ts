import { expect, test } from "vitest";
import { parseConnectTimeout, parseGrpcTimeout } from "../../../src/wire/call/timeouts.ts";

test("connect-timeout-ms is digits, and what no timer keeps is endless", () => {
  expect(parseConnectTimeout(undefined)).toBeUndefined();
  expect(parseConnectTimeout("0")).toBe(0);
  expect(parseConnectTimeout("2147483647")).toBe(2147483647);
  expect(parseConnectTimeout("2147483648")).toBe("endless");
  expect(parseConnectTimeout("9999999999")).toBe("endless");
  for (const header of ["", "-1", "1s", "12345678901", "1.5", ["1", "2"]]) {
    expect(parseConnectTimeout(header)).toBe("malformed");
  }
});

test("grpc-timeout is digits and a unit, and what no timer keeps is endless", () => {
  expect(parseGrpcTimeout(undefined)).toBeUndefined();
  expect(parseGrpcTimeout("2H")).toBe(7_200_000);
  expect(parseGrpcTimeout("3M")).toBe(180_000);
  expect(parseGrpcTimeout("4S")).toBe(4000);
  expect(parseGrpcTimeout("5m")).toBe(5);
  expect(parseGrpcTimeout("6000u")).toBe(6);
  expect(parseGrpcTimeout("99999999n")).toBeCloseTo(100);
  expect(parseGrpcTimeout("99999999H")).toBe("endless");
  for (const header of ["", "1", "m", "1x", "123456789m", "-1m", "1.5S"]) {
    expect(parseGrpcTimeout(header)).toBe("malformed");
  }
});
