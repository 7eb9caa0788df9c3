/** The servers of the database; one of them is the primary. */
export class Hosts {
  #urls: readonly string[];

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** A URL for each server, the last known primary first. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  prefer(url: string): void {
    if (this.#urls[0] !== url) this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
  }
}

/** Returns a URL for each host of `postgres://user@one:5432,two/database`. `URL` does not parse several hosts. */
export function splitHosts(url: string): string[] {
  const parts = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is.exec(url);
  if (parts === null) return [url];
  const [, start = "", hosts = "", rest = ""] = parts;
  return hosts.split(",").map((host) => `${start}${host}${rest}`);
}
