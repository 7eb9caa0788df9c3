import { expect, test } from "vitest";
import { ConfigurationError, createConfiguration, settingNames } from "../../src/config/configuration.ts";
import { defaultLimits } from "../../src/limits.ts";

function mistakesOf(flags: Record<string, string>, environment: Record<string, string> = {}): string[] {
  try {
    createConfiguration(flags, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.split("\n");
  }
}

test("has a default for everything", () => {
  expect(createConfiguration({}, {})).toEqual({
    listen: { host: "127.0.0.1", port: 8080 },
    adminListen: { host: "127.0.0.1", port: 8081 },
    log: { type: "file", directory: "./data" },
    logLevel: "info",
    limits: defaultLimits,
  });
});

test("every limit can be set, by flag and by variable", () => {
  for (const name of Object.keys(defaultLimits) as (keyof typeof defaultLimits)[]) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const variable = `DUETKV_${flag.replaceAll("-", "_").toUpperCase()}`;
    expect(settingNames).toContain(flag);
    expect(createConfiguration({ [flag]: "7" }, {}).limits).toEqual({ ...defaultLimits, [name]: 7 });
    expect(createConfiguration({}, { [variable]: "7" }).limits).toEqual({ ...defaultLimits, [name]: 7 });
  }
});

test("a flag comes before the environment, and that before the default", () => {
  const environment = { DUETKV_LOG: "memory:", DUETKV_LISTEN: "0.0.0.0:1" };
  const { log, listen, adminListen } = createConfiguration({ listen: "127.0.0.1:2" }, environment);
  expect({ log, listen, adminListen }).toEqual({
    log: { type: "memory" },
    listen: { host: "127.0.0.1", port: 2 },
    adminListen: { host: "127.0.0.1", port: 8081 },
  });
});

test("an empty variable counts as not set; other variables do not matter", () => {
  expect(createConfiguration({}, { DUETKV_LOG: "", LOG: "x", DUETKV_NOTHING: "x" })).toEqual(
    createConfiguration({}, {}),
  );
});

test.each([
  ["127.0.0.1:8080", "127.0.0.1", 8080],
  ["0.0.0.0:0", "0.0.0.0", 0],
  ["localhost:65535", "localhost", 65_535],
  ["[::1]:8080", "::1", 8080],
  ["[::]:80", "::", 80],
])("listens on %s", (text, host, port) => {
  expect(createConfiguration({ listen: text }, {}).listen).toEqual({ host, port });
});

test.each([
  "",
  "8080",
  ":8080",
  "localhost",
  "localhost:",
  "localhost:65536",
  "::1:8080",
  "a:b",
  "http://a:1",
  "a:-1",
])("%j is no address", (text) => {
  expect(mistakesOf({ listen: text })).toEqual([
    "--listen must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080",
  ]);
  if (text !== "") {
    expect(mistakesOf({}, { DUETKV_ADMIN_LISTEN: text })).toEqual([
      "DUETKV_ADMIN_LISTEN must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080",
    ]);
  }
});

test.each([
  ["file:/var/lib/duetkv", { type: "file", directory: "/var/lib/duetkv" }],
  ["file:a:b", { type: "file", directory: "a:b" }],
  ["memory:", { type: "memory" }],
  ["postgres://user@host/name", { type: "postgres", url: "postgres://user@host/name" }],
])("the log may be %s", (text, location) => {
  expect(createConfiguration({ log: text }, {}).log).toEqual(location);
});

test.each(["file:", "memory", "memory:x", "/data", "", "http://x"])("the log cannot be %j", (text) => {
  expect(mistakesOf({ log: text })).toEqual([expect.stringMatching(/^--log must be file:DIR/)]);
});

test.each(["0", "-1", "1.5", "1e3", "ten", " 1", "1000000000000000", ""])("%j is no limit", (text) => {
  expect(mistakesOf({ "key-bytes-max": text })).toEqual([
    "--key-bytes-max must be a whole number greater than 0",
  ]);
});

test("levels have names", () => {
  for (const level of ["debug", "info", "warn", "error"]) {
    expect(createConfiguration({ "log-level": level }, {}).logLevel).toBe(level);
  }
  expect(mistakesOf({ "log-level": "INFO" })).toEqual(["--log-level must be debug, info, warn or error"]);
});

test("a certificate and its key go together, and a client CA needs both", () => {
  const both = { "tls-cert": "cert.pem", "tls-key": "key.pem" };
  expect(createConfiguration(both, {})).toMatchObject({ tlsCert: "cert.pem", tlsKey: "key.pem" });
  expect(createConfiguration({ ...both, "tls-client-ca": "ca.pem" }, {})).toMatchObject({
    tlsClientCa: "ca.pem",
  });
  // One may come from a flag and the other from the environment.
  expect(mistakesOf({ "tls-cert": "cert.pem" }, { DUETKV_TLS_KEY: "key.pem" })).toEqual([]);
  expect(mistakesOf({ "tls-cert": "cert.pem" })).toEqual([expect.stringContaining("--tls-key must be")]);
  expect(mistakesOf({ "tls-key": "key.pem" })).toEqual([expect.stringContaining("--tls-cert must be")]);
  expect(mistakesOf({ "tls-client-ca": "ca.pem" })).toEqual([
    expect.stringContaining("--tls-cert must be"),
    expect.stringContaining("--tls-key must be"),
  ]);
});

test("names every mistake, and where it was made, but not what was given", () => {
  const flags = { listen: "secret", log: "secret", "tls-key": "secret" };
  const mistakes = mistakesOf(flags, { DUETKV_PAGE_ENTRIES_MAX: "secret", DUETKV_LOG_LEVEL: "secret" });
  const names = ["--listen", "--log", "--tls-cert", "DUETKV_PAGE_ENTRIES_MAX", "DUETKV_LOG_LEVEL"];
  expect(new Set(mistakes.map((mistake) => mistake.split(" ")[0]))).toEqual(new Set(names));
  expect(mistakes).toHaveLength(names.length);
  expect(mistakes.join("\n")).not.toContain("secret");
});
