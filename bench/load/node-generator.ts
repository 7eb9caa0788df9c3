/** Reads a load from standard input, makes it, and prints what it saw. */
import { Agent, request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { GrpcConnection, prepareRequest } from "./grpc-connection.ts";
import type { Load } from "./load.ts";

type Send = (index: number) => Promise<boolean>;

const load: Load & { readonly address: string } = JSON.parse(await text(process.stdin));
const requests = load.requests.map((request) => ({
  ...request,
  body: Buffer.from(String(request.body), "base64"),
}));
const latencies: number[] = [];
let failed = 0;

const send = load.protocol === "grpc" ? openGrpc() : openHttp1();
const start = performance.now();
const end = start + load.seconds * 1000;
await Promise.all(Array.from({ length: load.concurrency }, (_, index) => sendUntilEnd(index)));
const seconds = (performance.now() - start) / 1000;
process.stdout.write(JSON.stringify({ requests: latencies.length, failed, seconds, latencies }));
process.stdout.once("drain", () => process.exit());
if (process.stdout.writableLength === 0) process.exit();

async function sendUntilEnd(connection: number): Promise<void> {
  while (performance.now() < end) {
    const sent = performance.now();
    if (!(await send(connection))) failed++;
    latencies.push(Math.round((performance.now() - sent) * 1000));
  }
}

function pick<Choice>(choices: readonly Choice[]): Choice {
  return choices[Math.floor(Math.random() * choices.length)] as Choice;
}

function openGrpc(): Send {
  const [host = "", port = ""] = load.address.split(":");
  const prepared = requests.map((request) => prepareRequest(request, load.address, load.ownDeadlines));
  // Up to 32 calls share a connection, as clients do.
  const connections = Array.from({ length: Math.ceil(load.concurrency / 32) }, () => {
    const waiting = new Map<number, (ok: boolean) => void>();
    const connection = new GrpcConnection({ host, port: Number(port), tls: load.tls }, (stream, ok) => {
      waiting.get(stream)?.(ok);
      waiting.delete(stream);
    });
    return { waiting, connection };
  });
  return (index) =>
    new Promise((resolve) => {
      const { waiting, connection } = connections[index % connections.length] as (typeof connections)[number];
      waiting.set(connection.send(pick(prepared)), resolve);
    });
}

function openHttp1(): Send {
  const [host, port] = load.address.split(":");
  const agent = new Agent({ keepAlive: true, maxSockets: load.concurrency });
  return () =>
    new Promise((resolve, reject) => {
      const { method, path, headers, body } = pick(requests);
      const length = body.length > 0 ? { "content-length": body.length } : {};
      const options = {
        agent,
        host: host ?? "",
        port: port ?? "",
        method,
        path,
        headers: { ...headers, ...length },
      };
      const request = httpRequest(options, (response) => {
        response.resume();
        response.on("end", () => resolve((response.statusCode ?? 500) < 400));
      });
      request.on("error", reject);
      request.end(body);
    });
}
