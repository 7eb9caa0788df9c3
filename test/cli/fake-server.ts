import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Starts a server that responds to each call with this message. Returns its address. */
export async function startFakeServer(message: object): Promise<string> {
  const fake = createServer((request, response) => {
    request.resume().once("end", () => response.end(JSON.stringify(message)));
  });
  onTestFinished(() => void fake.close());
  await once(fake.listen(0, "127.0.0.1"), "listening");
  return `127.0.0.1:${(fake.address() as AddressInfo).port}`;
}
