import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { contextFilePath, readContextFile, writeContextFile } from "../../src/cli/context-file.ts";
import { parseCommandLine } from "../../src/cli/parse-command-line.ts";
import { readClientSettings, readOutputSettings } from "../../src/cli/settings.ts";
import { TokenFile } from "../../src/cli/token-file.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

function read(flags: readonly string[], environment: NodeJS.ProcessEnv) {
  const { servers, ...rest } = readClientSettings(
    parseCommandLine(["get", "a", ...flags]).globals,
    environment,
  );
  return { ...rest, servers: servers.map(({ origin }) => origin) };
}

test("flags come before variables, variables before the context, the context before the defaults", async () => {
  const XDG_CONFIG_HOME = await temporaryDirectory();
  const home = { XDG_CONFIG_HOME };
  expect(read([], home)).toEqual({
    servers: ["http://127.0.0.1:8080"],
    tokenFile: new TokenFile(undefined),
    tls: {},
    timeoutMs: 5000,
  });

  writeContextFile(contextFilePath(home), {
    current: "prod",
    contexts: { prod: { server: ["one:1", "two:2"], timeout: "1s" }, other: { server: ["https://three"] } },
  });
  expect(read([], home)).toMatchObject({ servers: ["http://one:1", "http://two:2"], timeoutMs: 1000 });
  expect(read(["--context", "other"], home)).toMatchObject({ servers: ["https://three"], timeoutMs: 5000 });

  const variables = { ...home, DUETKV_CLIENT_SERVER: "four:4,five:5", DUETKV_CLIENT_TIMEOUT: "2s" };
  expect(read([], variables)).toMatchObject({ servers: ["http://four:4", "http://five:5"], timeoutMs: 2000 });
  expect(read(["--server", "six:6", "--timeout", "3s"], variables)).toMatchObject({
    servers: ["http://six:6"],
    timeoutMs: 3000,
  });
  expect(read([], { ...home, DUETKV_CLIENT_SERVER: "" })).toMatchObject({
    servers: ["http://one:1", "http://two:2"],
  });
});

test("only the user can read the file of contexts", async () => {
  const path = contextFilePath({ XDG_CONFIG_HOME: await temporaryDirectory() });
  writeContextFile(path, { contexts: {} });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readContextFile(path)).toEqual({ contexts: {} });
});

test("a name without a scheme is reached by TLS when there are certificates", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "ca.pem");
  writeFileSync(file, "PEM");
  const environment = { XDG_CONFIG_HOME: directory };
  expect(read(["--server", "one:1", "--cacert", file], environment)).toMatchObject({
    servers: ["https://one:1"],
    tls: { ca: Buffer.from("PEM") },
  });
});

test("a token is read from its file, without the end of the line", async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, "token");
  writeFileSync(file, "abc.DEF\n");
  expect(read(["--token-file", file], { XDG_CONFIG_HOME: directory }).tokenFile.token).toBe("abc.DEF");
  writeFileSync(file, "abc\r\nEvil: header");
  expect(() => read(["--token-file", file], { XDG_CONFIG_HOME: directory })).toThrow("must hold one token");
});

test.each(["", "ftp://one", "http://", "http://user@one", "http://one?x", "one:port"])(
  "refuses %j as a server",
  async (server) => {
    const environment = { XDG_CONFIG_HOME: await temporaryDirectory() };
    expect(() => read(["--server", server], environment)).toThrow("--server must be");
  },
);

test.each([
  '{"contexts":[]}',
  '{"contexts":{"a":{"server":"b"}}}',
  "not JSON",
  '{"current":1,"contexts":{}}',
])("refuses %j as the file of contexts", async (text) => {
  const path = contextFilePath({ XDG_CONFIG_HOME: await temporaryDirectory() });
  mkdirSync(dirname(path));
  writeFileSync(path, text);
  expect(() => readContextFile(path)).toThrow("is not a valid context file");
});

test("refuses a context that is not there, and half a certificate", async () => {
  const environment = { XDG_CONFIG_HOME: await temporaryDirectory() };
  expect(() => read(["--context", "nope"], environment)).toThrow('there is no context "nope"');
  expect(() => read(["--cert", "package.json"], environment)).toThrow("--cert and --key go together");
});

test("variables set flags without a value", () => {
  const globals = parseCommandLine(["ls"]).globals;
  expect(readOutputSettings(globals, { DUETKV_CLIENT_JSON: "1", NO_COLOR: "x" })).toEqual({
    json: true,
    quiet: false,
    noColor: true,
  });
  expect(() => readOutputSettings(globals, { DUETKV_CLIENT_QUIET: "yes" })).toThrow("must be true or false");
});
