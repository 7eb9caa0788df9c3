import type { Transport } from "./transport.ts";
/** The Connect protocol with JSON over `fetch`: works wherever there is a `fetch`. */
export declare const fetchTransport: Transport;
