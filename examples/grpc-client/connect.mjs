import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const root = new URL("../../", import.meta.url).pathname;

/** A client made from the contract alone: grpc-js and proto-loader, nothing of the service's own. */
export function connect(address) {
  const definition = loadSync(["duetkv/v1/key_value.proto", "duetkv/v1/status.proto"], {
    includeDirs: [`${root}proto`, `${root}node_modules/google-proto-files`],
    longs: String,
    enums: String,
  });
  const { KeyValueService, StatusService } = loadPackageDefinition(definition).duetkv.v1;
  const client = new KeyValueService(address, credentials.createInsecure());
  const status = new StatusService(address, credentials.createInsecure());
  return {
    /** Makes a unary call; rejects with an error that has grpc's `code`. */
    call: (method, request) =>
      new Promise((resolve, reject) => {
        const deadline = new Date(Date.now() + 5000);
        const service = method in client ? client : status;
        service[method](request, { deadline }, (error, response) =>
          error ? reject(error) : resolve(response),
        );
      }),
    /** Starts a watch: a stream to read with `for await`, and to end with `cancel()`. */
    watch: (request) => client.watch(request),
    /** Starts a backup: a stream of messages with the next `data` each. */
    snapshot: () => status.snapshot({}),
    close: () => {
      client.close();
      status.close();
    },
  };
}
