import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PeerProof, type ProofSubject, proofHeader } from "../../src/replication/peer-proof.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const subject: ProofSubject = { storeId: "s", replicaId: "r", time: 1_000_000 };

async function secretsOf(...secrets: readonly string[]): Promise<string> {
  const file = join(await temporaryDirectory(), "secrets");
  await writeFile(file, `${secrets.join("\n")}\n`);
  return file;
}

/** Whether `by` accepts what `of` shows for `shown`, where `asked` is needed. */
function isAccepted(of: PeerProof, by: PeerProof, shown = subject, asked = subject): boolean {
  try {
    by.require(of.headers(shown)[proofHeader], asked);
    return true;
  } catch {
    return false;
  }
}

const [first, second, third] = ["the first secret", "the second secret", "the third secret"] as const;

test("a proof is for one store and one replica, and for 30 s", async () => {
  const proof = await PeerProof.read(await secretsOf(first));
  expect(isAccepted(proof, proof)).toBe(true);
  const differing = [{ storeId: "t" }, { replicaId: "q" }, { time: 1_030_001 }, { time: 969_999 }];
  for (const other of differing) {
    expect(isAccepted(proof, proof, { ...subject, ...other })).toBe(false);
  }
  expect(isAccepted(proof, proof, { ...subject, time: 970_000 })).toBe(true);
});

test.each([undefined, "", ".", "1000000", "1000000.00", "x.y", `1000000.${"0".repeat(64)}`])(
  "%j is no proof",
  async (shown) => {
    const proof = await PeerProof.read(await secretsOf(first));
    expect(() => proof.require(shown, subject)).toThrow("for the replicas of the store alone");
  },
);

test("replicas with the secrets of each step of a rotation accept each other", async () => {
  const steps = [[first], [first, second], [second, first], [second]];
  const proofs = await Promise.all(steps.map(async (secrets) => PeerProof.read(await secretsOf(...secrets))));
  for (const [index, before] of proofs.entries()) {
    const after = proofs[index + 1] ?? before;
    expect([isAccepted(before, after), isAccepted(after, before)]).toEqual([true, true]);
  }
  expect(isAccepted(proofs[0]!, proofs[3]!)).toBe(false);
});

test("secrets are read again, unless they cannot be used", async () => {
  const file = await secretsOf(first);
  const proof = await PeerProof.read(file);
  expect(await proof.reload(file)).toBe(false);
  await writeFile(file, third);
  expect(await proof.reload(file)).toBe(true);
  const other = await PeerProof.read(await secretsOf(third));
  expect(isAccepted(other, proof)).toBe(true);
  await writeFile(file, "short");
  await expect(proof.reload(file)).rejects.toThrow("shorter than 16 bytes");
  expect(isAccepted(other, proof)).toBe(true);
});

test.each([["short"], [first, "short"], [""]])(
  "refuses secrets that are easy to guess: %j",
  async (...secrets) => {
    const refusal = /no peer secret|line \d of .* shorter than 16 bytes/;
    await expect(PeerProof.read(await secretsOf(...secrets))).rejects.toThrow(refusal);
  },
);
