import type { Client } from "./kv.ts";
import type { ConnectOptions } from "./options.ts";
/** A client of the service. It connects with the first call. */
export declare function connect(options: ConnectOptions): Client;
