import { createHash, hash, randomBytes } from "node:crypto";

/** A token of ours: `dkv_<id>_<43 characters>`. The id finds it in the policy; the whole of it is the secret. */
const tokenPattern = /^dkv_([a-z0-9]{1,32})_[A-Za-z0-9_-]{43}$/;

/** The id of a token; undefined for what is not one of ours. */
export function tokenIdOf(text: string): string | undefined {
  return tokenPattern.exec(text)?.[1];
}

/** SHA-256 of the whole token. It has 256 random bits, so that a slow hash would protect nothing more. */
export function digestToken(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

/** A new token, and its hash as a policy has it. */
export function createToken(): { readonly id: string; readonly token: string; readonly hash: string } {
  const id = Array.from(randomBytes(8), (byte) => idAlphabet[byte % idAlphabet.length]).join("");
  const token = `dkv_${id}_${randomBytes(32).toString("base64url")}`;
  return { id, token, hash: `sha256:${createHash("sha256").update(token).digest("hex")}` };
}

/** 32 of them, so that each is as likely as the next. Without what looks alike. */
const idAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
