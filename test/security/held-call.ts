import { connect, type IncomingHttpHeaders } from "node:http2";
import { onTestFinished } from "vitest";

const bodies = { Watch: Buffer.from("12026b2f", "hex"), Get: Buffer.from("0a036b2f61", "hex") };

function envelope(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}

/** A gRPC call of the key `k/a` or the prefix `k/`, whose body is kept back when the server has its headers. */
export async function holdCall(
  origin: string,
  method: keyof typeof bodies,
  headers: { readonly authorization: string },
) {
  const client = connect(origin);
  onTestFinished(() => client.destroy());
  const call = (name: string) =>
    client.request({
      ":method": "POST",
      ":path": `/duetkv.v1.KeyValueService/${name}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
  const held = call(method);
  // When this one has its response, the server has seen the headers of the other.
  const other = call("Get");
  other.end(envelope(bodies.Get));
  await other.resume().toArray();
  return {
    /** Sends the body. Resolves with the status of gRPC, or with "message" when a message comes before it. */
    async finish(): Promise<string> {
      const outcome = new Promise<string>((resolve) => {
        const end = ({ "grpc-status": status }: IncomingHttpHeaders) => {
          if (status !== undefined) resolve(String(status));
        };
        held.once("response", end).once("trailers", end);
        held.once("data", () => resolve("message"));
      });
      held.end(envelope(bodies[method]));
      return outcome;
    },
  };
}
