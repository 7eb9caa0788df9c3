import { GrpcConnection, prepareRequest } from "./grpc-connection.ts";
import type { Request } from "./load.ts";

/**
 * Repeats a gRPC call `count` times on one connection: `batch` calls go out together, and the next ones when all have a response.
 * So each server reads as many calls at once, however fast it is. With a load that goes on by itself a slower client makes
 * smaller batches, which cost a server more for each call. With `ownDeadline` each call has a deadline that differs from those
 * before. Throws when a call failed.
 */
export async function sendBatches(
  address: string,
  request: Request,
  count: number,
  batch: number,
  ownDeadline = false,
): Promise<void> {
  const [host = "", port = ""] = address.split(":");
  const prepared = prepareRequest(request, address, ownDeadline);
  let open = 0;
  let failed = 0;
  let done: (() => void) | undefined;
  const connection = new GrpcConnection({ host, port: Number(port), tls: undefined }, (_stream, ok) => {
    if (!ok) failed++;
    if (--open === 0) done?.();
  });
  for (let sent = 0; sent < count; sent += batch) {
    const responses = new Promise<void>((resolve) => {
      done = resolve;
    });
    open = batch;
    for (let call = 0; call < batch; call++) connection.send(prepared);
    await responses;
  }
  connection.close();
  if (failed > 0) throw new Error(`${failed} of ${count} calls of ${request.path} failed`);
}
