import type { Caller } from "../invocation.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";

/** One REST exchange, as an invocation sees it. */
export class RestCall implements Caller {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly protocolName = "rest";

  constructor(request: HttpRequest, response: HttpResponse) {
    this.request = request;
    this.response = response;
  }

  get requestMethod(): string {
    return this.request.method ?? "";
  }

  get url(): string {
    const { headers, socket, url } = this.request;
    const scheme = "encrypted" in socket ? "https" : "http";
    return `${scheme}://${headers[":authority"] ?? headers.host}${url}`;
  }

  requestHeader(): Headers {
    const headers = new Headers();
    for (const [name, value] of Object.entries(this.request.headers)) {
      if (value === undefined || name.startsWith(":")) continue;
      for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
    }
    return headers;
  }

  whenGone(callback: () => void): void {
    if (isGone(this.response)) callback();
    else this.response.once("close", callback);
  }
}
