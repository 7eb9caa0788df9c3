import { readFileSync } from "node:fs";
import { CommandFailure, usageFailure } from "./failure.ts";

/** The token that calls carry. A token of limited life is replaced in its file while a command such as `watch` runs. */
export class TokenFile {
  readonly #path: string | undefined;
  #token: string | undefined;

  /** Without a path there is no token. Throws CommandFailure if the file does not hold one. */
  constructor(path: string | undefined) {
    this.#path = path;
    this.#token = readToken(path);
  }

  /** The token as it was read last. */
  get token(): string | undefined {
    return this.#token;
  }

  /** Reads the file again. Returns whether it holds another token than the one that the service has refused. */
  renew(refused: string | undefined): boolean {
    try {
      this.#token = readToken(this.#path);
    } catch (error) {
      // The user is told of the refusal.
      if (!(error instanceof CommandFailure)) throw error;
    }
    return this.#token !== refused;
  }
}

function readToken(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  let token: string;
  try {
    token = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as Error).message}`);
  }
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw usageFailure(`${path} must hold one token of printable characters and nothing else`);
}
