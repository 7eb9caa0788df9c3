import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});
afterAll(() => server.stop());

const path = "/duetkv.v1.KeyValueService/";
/** A message whose first field is text that is not UTF-8. */
const malformed = Buffer.from([0x0a, 0x02, 0xc3, 0x28]);
const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, malformed.length]), malformed]);

it.each(["Put", "Get", "Delete"])("refuses a key that is not UTF-8 in gRPC %s", async (method) => {
  const client = new Client(server.address, credentials.createInsecure());
  const error = await new Promise<ServiceError | null>((resolve) => {
    const identity = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(`${path}${method}`, identity, identity, malformed, resolve);
  });
  client.close();
  expect(error?.code).toBe(3);
});

it.each(["Put", "Get", "Delete"])("refuses a key that is not UTF-8 in gRPC-Web %s", async (method) => {
  const headers = { "content-type": "application/grpc-web+proto" };
  const answer = await request(`http://${server.address}`, "POST", `${path}${method}`, headers, framed);
  const status =
    answer.headers["grpc-status"] ?? /grpc-status: ?(\d+)/.exec(answer.body.toString("latin1"))?.[1];
  expect(status).toBe("3");
});

it.each(["Put", "Get", "Delete"])("refuses a key that is not UTF-8 in Connect %s", async (method) => {
  for (const [type, body] of [
    ["application/proto", malformed],
    ["application/json", '{"key":"\\ud800"}'],
    ["application/json", Buffer.from([...Buffer.from('{"key":"'), 0xc3, 0x28, ...Buffer.from('"}')])],
  ] as const) {
    const headers = { "content-type": type };
    const answer = await request(`http://${server.address}`, "POST", `${path}${method}`, headers, body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString()).code).toBe("invalid_argument");
  }
});

it.each(["PUT", "GET", "DELETE"])("refuses a key that is not UTF-8 in REST %s", async (method) => {
  for (const key of ["%C3%28", "%FF", "%ED%A0%80", "%C0%AF", "a%", "%zz"]) {
    const answer = await request(`http://${server.address}`, method, `/v1/key/${key}`);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString()).details[0].debug.reason).toBe("KEY_INVALID");
  }
});

it("refuses a text value in JSON that is not Unicode", async () => {
  const headers = { "content-type": "application/json" };
  const origin = `http://${server.address}`;
  const answer = await request(origin, "PUT", "/v1/key/k", headers, '{"value":"\\ud800"}');
  expect(answer.status).toBe(400);
  expect((await request(origin, "GET", "/v1/key/k")).status).toBe(404);
});
