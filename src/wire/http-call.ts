import { toHeaders } from "./headers.ts";
import { type HttpRequest, type HttpResponse, isGone } from "./http-exchange.ts";
import type { Caller } from "./invocation.ts";

/** One HTTP exchange, as an invocation sees it. */
export class HttpCall implements Caller {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly protocolName: string;

  constructor(request: HttpRequest, response: HttpResponse, protocolName: string) {
    this.protocolName = protocolName;
    this.request = request;
    this.response = response;
  }

  get requestMethod(): string {
    return this.request.method ?? "";
  }

  get url(): string {
    const { headers, socket, url } = this.request;
    const scheme = "encrypted" in socket ? "https" : "http";
    return `${scheme}://${String(headers[":authority"] ?? headers.host)}${url}`;
  }

  requestHeader(): Headers {
    return toHeaders(this.request.headers);
  }

  whenGone(callback: () => void): void {
    if (isGone(this.response)) callback();
    else this.response.once("close", callback);
  }
}
