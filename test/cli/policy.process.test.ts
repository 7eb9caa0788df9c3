import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runCli } from "./run-cli.ts";

async function duetkv(args: readonly string[], input = "") {
  const { code, stdout, stderr } = await runCli(args, { input });
  return { code, stdout: stdout.toString(), stderr };
}

/** A policy file in a directory of its own. */
async function writePolicy(policy: unknown): Promise<string> {
  const path = join(await temporaryDirectory(), "policy.json");
  await writeFile(path, typeof policy === "string" ? policy : JSON.stringify(policy));
  return path;
}

const roles = {
  deployer: [
    { prefix: "cfg/", allow: ["read", "list", "write"] },
    { prefix: "cfg/secret/", deny: ["*"] },
  ],
  own: [{ prefix: "svc/{name}/", allow: ["*"] }],
  watcher: [{ server: ["status"] }],
};

test("a new token works with its entry in a policy, and its hash can be printed again", async () => {
  const made = await duetkv(["token", "new", "ci", "--role", "deployer", "--json"]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const { token, entry } = JSON.parse(made.stdout);
  expect(entry).toEqual({
    id: token.split("_")[1],
    name: "ci",
    hash: `sha256:${createHash("sha256").update(token).digest("hex")}`,
    roles: ["deployer"],
  });
  const directory = await temporaryDirectory();
  const file = join(directory, "token");
  await writeFile(file, `${token}\n`);
  expect(await duetkv(["token", "hash", file])).toEqual({ code: 0, stdout: `${entry.hash}\n`, stderr: "" });
  expect(JSON.parse((await duetkv(["token", "hash", "--json"], token)).stdout)).toEqual({
    id: entry.id,
    hash: entry.hash,
  });
  expect((await duetkv(["token", "hash"], "secret")).code).toBe(2);

  const policy = await writePolicy({ version: 1, tokens: [entry], roles });
  const server = await startServerProcess(["--log", "memory:", "--policy", policy]);
  onTestFinished(async () => void (await server.stop()));
  const call = (args: readonly string[], tokens: readonly string[] = ["--token-file", file]) =>
    duetkv([...args, ...tokens, "--server", server.address]);
  expect(await call(["put", "cfg/a", "x"])).toMatchObject({ code: 0 });
  expect((await call(["whoami"])).stdout).toBe(
    "ci via token\nallow read, list, write on cfg/*\ndeny read, list, watch, write, delete on cfg/secret/*\n",
  );
  expect(await call(["put", "cfg/secret/a", "x"])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("(RIGHT_MISSING)"),
  });
  expect(await call(["get", "cfg/a"], [])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("(CREDENTIALS_MISSING)"),
  });
  expect(await call(["complete", "zsh", "get", "cfg/"], [])).toMatchObject({ code: 0, stdout: "words\n" });
});

test("a token has an end if one is given", async () => {
  const { stdout, stderr } = await duetkv(["token", "new", "ci", "--expires", "2027-01-01T00:00:00Z"]);
  const [token, entry] = stdout.trimEnd().split("\n");
  expect(token).toMatch(/^dkv_\w+_[\w-]{43}$/);
  expect(JSON.parse(entry as string)).toMatchObject({ name: "ci", expires: "2027-01-01T00:00:00Z" });
  expect(stderr).toContain("shown only here");
  expect((await duetkv(["token", "new", "ci", "--expires", "tomorrow"])).code).toBe(2);
});

test("a policy is checked, and each mistake is named with its place", async () => {
  const path = await writePolicy({ version: 1, roles, anonymous: ["deployer", "watcher"] });
  expect(await duetkv(["policy", "check", path])).toEqual({
    code: 0,
    stdout: `${path} is in order: 3 roles, 0 tokens, 0 certificates, 0 issuers\n`,
    stderr: "duetkv: warning: roles.own: nobody has this role\n",
  });
  const { stdout: json } = await duetkv(["policy", "check", path, "--json"]);
  expect(JSON.parse(json)).toMatchObject({ roles: 3, warnings: ["roles.own: nobody has this role"] });
  for (const [policy, mistake] of [
    ["{", "JSON"],
    [{ version: 2, roles }, "version"],
    [{ version: 1, roles, anonymous: ["none"] }, "none"],
    [{ version: 1, roles: { a: [{ prefix: "", allow: ["fly"] }] } }, "roles.a"],
  ] as const) {
    const { code, stdout, stderr } = await duetkv(["policy", "check", await writePolicy(policy)]);
    expect({ code, stdout, stderr }).toEqual({
      code: 9,
      stdout: "",
      stderr: expect.stringContaining(mistake),
    });
  }
  expect((await duetkv(["policy", "check", "/none"])).code).toBe(2);
});

test("a decision of a policy is explained by its rules", async () => {
  const hash = `sha256:${"0".repeat(64)}`;
  const tokens = [{ id: "aaaaaaaa", name: "cart", hash, roles: ["own", "deployer"] }];
  const path = await writePolicy({ version: 1, tokens, roles });
  const explain = (...args: string[]) => duetkv(["policy", "explain", path, ...args]);
  const cart = ["--identity", "cart"];
  expect(await explain("svc/cart/a", ...cart, "--right", "delete")).toMatchObject({
    code: 0,
    stdout: "allowed\nrole own allows delete on svc/cart/*\n",
  });
  expect(await explain("svc/other/a", ...cart)).toMatchObject({
    code: 5,
    stdout: "denied\nno rule is about it\n",
  });
  expect(await explain("cfg/secret/a", "--role", "deployer")).toMatchObject({
    code: 5,
    stdout: expect.stringContaining("role deployer denies read on cfg/secret/*\n"),
  });
  expect(await explain("--role", "watcher", "--right", "status")).toMatchObject({ code: 0 });
  expect((await explain("a")).code).toBe(5);
  for (const args of [["a", "--right", "fly"], ["a", "--right", "status"], ["a", "--identity", "none"], []]) {
    expect((await explain(...args)).code).toBe(2);
  }
});
