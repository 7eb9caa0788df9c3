/** node:http and nothing behind it: answers every request with the same value. Argument: the size of the value. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { sayReady } from "./handlers.ts";

const value = Buffer.from("x".repeat(Number(process.argv[2])));
const type = { "content-type": "text/plain; charset=utf-8" };
const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { ...type, "content-length": value.length });
    response.end(value);
    return;
  }
  request.on("data", () => {});
  request.on("end", () => response.writeHead(201, { "content-length": 0 }).end());
});
server.listen(0, "127.0.0.1", () => sayReady((server.address() as AddressInfo).port));
