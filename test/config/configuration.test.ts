import { expect, test } from "vitest";
import { ConfigurationError, createConfiguration } from "../../src/config/configuration.ts";
import { unknownVariables } from "../../src/config/environment.ts";
import { describeFlags, parseFlags } from "../../src/config/flags.ts";
import type { Memory } from "../../src/config/memory.ts";
import { settingNames } from "../../src/config/settings.ts";
import { defaultLimits } from "../../src/limits.ts";

const gibibyte = 1024 ** 3;

/** Enough for every default. */
const plenty: Memory = { oldSpaceBytes: 1024 * gibibyte, processBytes: 2048 * gibibyte };

function mistakesOf(
  flags: Record<string, string>,
  environment: Record<string, string> = {},
  memory = plenty,
): string[] {
  try {
    createConfiguration(flags, environment, memory);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.split("\n");
  }
}

test("has a default for everything", () => {
  expect(createConfiguration({}, {}, plenty)).toEqual({
    listen: { host: "127.0.0.1", port: 8080 },
    adminListen: { host: "127.0.0.1", port: 8081 },
    log: { type: "file", directory: "./data" },
    drainDelay: 0,
    insecure: "false",
    audit: "off",
    console: "on",
    accessLog: "off",
    natsReplicas: "3",
    natsAssumeSynced: "false",
    tlsMinVersion: "1.2",
    logLevel: "info",
    limits: defaultLimits,
  });
});

test("every limit can be set, by flag and by variable", () => {
  for (const name of Object.keys(defaultLimits) as (keyof typeof defaultLimits)[]) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const variable = `DUETKV_${flag.replaceAll("-", "_").toUpperCase()}`;
    const limit = defaultLimits[name] - 1;
    expect(settingNames).toContain(flag);
    expect(createConfiguration({ [flag]: String(limit) }, {}, plenty).limits[name]).toBe(limit);
    expect(createConfiguration({}, { [variable]: String(limit) }, plenty).limits[name]).toBe(limit);
  }
});

test("a delay may be 0, other durations may not", () => {
  expect(createConfiguration({ "drain-delay": "0s" }, {}).drainDelay).toBe(0);
  expect(createConfiguration({ "drain-delay": "2m" }, {}).drainDelay).toBe(120_000);
  expect(() => createConfiguration({ "connection-age-max": "0s" }, {})).toThrow("greater than 0");
});

test.each([
  ["1000", 1000],
  ["1000B", 1000],
  ["2kB", 2000],
  ["2MB", 2_000_000],
  ["2GB", 2_000_000_000],
  ["2KiB", 2048],
  ["64MiB", 67_108_864],
  ["1GiB", 1_073_741_824],
])("reads the size %s", (text, bytes) => {
  expect(createConfiguration({ "compaction-bytes-min": text }, {}).limits.compactionBytesMin).toBe(bytes);
});

test.each([
  "0",
  "0MiB",
  "1.5MiB",
  "64 MiB",
  "64mib",
  "64Mi",
  "MiB",
  "-1MiB",
  "9000000000000GiB",
  "1constructor",
])("refuses the size %j", (text) => {
  expect(mistakesOf({ "compaction-bytes-min": text })).toEqual([
    "--compaction-bytes-min must be a size greater than 0, such as 64MiB or a number of bytes",
  ]);
});

test("refuses requests that are too large for the log", () => {
  const sizes = (text: string) => ({ "value-bytes-max": text, "request-bytes-max": text });
  expect(mistakesOf(sizes("256MiB"))).toEqual([
    "--request-bytes-max is 256MiB and must be at most 128MiB, which the log takes at once",
  ]);
});

test("refuses limits that contradict each other, with both values", () => {
  expect(mistakesOf({ "value-bytes-max": "8MiB" })).toEqual([
    "--value-bytes-max is 8MiB and must be at most --request-bytes-max, which is 4MiB",
  ]);
  expect(mistakesOf({ "store-bytes-max": "2000" }, { DUETKV_VALUE_BYTES_MAX: "3000" })).toEqual([
    "DUETKV_VALUE_BYTES_MAX is 3000 and must be at most --store-bytes-max, which is 2000",
  ]);
  expect(mistakesOf({ "value-bytes-max": "8MiB", "request-bytes-max": "8MiB" })).toEqual([]);
});

test("names unknown variables with the nearest known one, but not those that Kubernetes sets", () => {
  const kubernetes = {
    DUETKV_CLIENT_SERVER: "10.0.0.3:8080",
    DUETKV_SERVICE_HOST: "10.0.0.1",
    DUETKV_SERVICE_PORT: "8080",
    DUETKV_SERVICE_PORT_API: "8080",
    DUETKV_PORT: "tcp://10.0.0.1:8080",
    DUETKV_PORT_8080_TCP_ADDR: "10.0.0.1",
    DUETKV_ADMIN_SERVICE_HOST: "10.0.0.2",
    DUETKV_ADMIN_PORT_8081_TCP: "tcp://10.0.0.2:8081",
  };
  const environment = { DUETKV_LISTN: "", DUETKV_NOTHING_LIKE_IT: "x", DUETKV_LOG: "memory:", PATH: "/bin" };
  expect(unknownVariables({ ...environment, ...kubernetes })).toEqual([
    { variable: "DUETKV_LISTN", nearest: "DUETKV_LISTEN" },
    { variable: "DUETKV_NOTHING_LIKE_IT", nearest: undefined },
  ]);
});

test.each([
  [["--lisen", "secret"], "unknown flag --lisen; did you mean --listen?"],
  [["--lisen=secret"], "unknown flag --lisen; did you mean --listen?"],
  [["--frobnicate"], "unknown flag --frobnicate"],
  [["-x"], "unknown flag -x"],
  [["serve"], "unexpected argument serve; settings are given as --NAME VALUE"],
  [["postgres://me:secret@host/db"], "unexpected argument; settings are given as --NAME VALUE"],
])("refuses the command line %j", (args, message) => {
  expect(() => parseFlags(args)).toThrow(new ConfigurationError([message]));
});

test("the help has one line for each setting, with its default", () => {
  const lines = describeFlags().split("\n");
  expect(lines.map((line) => /^ {2}--([a-z-]+) /.exec(line)?.[1])).toEqual([...settingNames]);
  expect(lines[0]).toMatch(/^ {2}--listen HOST:PORT +\S.* \(127\.0\.0\.1:8080\)$/);
  expect(describeFlags()).toMatch(/--value-bytes-max SIZE +one value \(1MiB\)$/m);
  for (const line of lines) expect(line.length).toBeLessThan(130);
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
  expect(createConfiguration({ listen: text, insecure: "true" }, {}).listen).toEqual({ host, port });
});

test("a file for the audit needs the calls that it is for", () => {
  expect(mistakesOf({ "audit-file": "audit.json" })).toEqual([
    "--audit is missing; it says which calls are written to --audit-file",
  ]);
  for (const audit of ["off", "denied"]) {
    expect(createConfiguration({ audit, "audit-file": "audit.json" }, {})).toMatchObject({ audit });
  }
});

test("listens beyond the loopback interface only with a policy, required client certificates or --insecure", () => {
  const listen = "0.0.0.0:8080";
  const tls = { "tls-cert": "cert.pem", "tls-key": "key.pem", "tls-client-ca": "ca.pem" };
  const refused = /^--listen is 0\.0\.0\.0:8080, which other machines can reach.*--insecure/;
  expect(() => createConfiguration({ listen }, {})).toThrow(refused);
  expect(() => createConfiguration({ listen, ...tls, "tls-client-auth": "optional" }, {})).toThrow(refused);
  expect(() => createConfiguration({}, { DUETKV_LISTEN: listen })).toThrow(/^DUETKV_LISTEN is/);
  for (const flags of [{ policy: "policy.json" }, tls, parseFlags(["--insecure"]).values]) {
    expect(createConfiguration({ listen, ...flags }, {}).listen.host).toBe("0.0.0.0");
  }
  expect(createConfiguration({}, { DUETKV_LISTEN: listen, DUETKV_INSECURE: "true" }).insecure).toBe("true");
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
  ["nats://one:4222,two,three/a_b-C", { type: "nats", url: "nats://one:4222,two,three/a_b-C" }],
  ["tls://u:p@one/log?ca=ca.pem", { type: "nats", url: "tls://u:p@one/log?ca=ca.pem" }],
])("the log may be %s", (text, location) => {
  expect(createConfiguration({ log: text }, {}).log).toEqual(location);
});

test.each(["file:", "memory", "memory:x", "/data", "", "http://x", "nats://one", "nats://one/a.b"])(
  "the log cannot be %j",
  (text) => {
    expect(mistakesOf({ log: text })).toEqual([expect.stringMatching(/^--log must be file:DIR/)]);
  },
);

test.each(["0", "-1", "1.5", "1e3", "ten", " 1", "1000000000000000", "1KiB", ""])(
  "refuses the count %j",
  (text) => {
    expect(mistakesOf({ "page-entries-max": text })).toEqual([
      "--page-entries-max must be a whole number greater than 0",
    ]);
  },
);

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
  expect(mistakesOf({ "tls-cert": "cert.pem" })).toEqual([expect.stringContaining("--tls-key is missing")]);
  expect(mistakesOf({ "tls-key": "key.pem" })).toEqual([expect.stringContaining("--tls-cert is missing")]);
  expect(mistakesOf({ "tls-client-ca": "ca.pem" })).toEqual([
    expect.stringContaining("--tls-cert is missing"),
    expect.stringContaining("--tls-key is missing"),
  ]);
});

test("names every mistake and its source, but not the given value", () => {
  const flags = { listen: "secret", log: "secret", "tls-key": "secret" };
  const mistakes = mistakesOf(flags, { DUETKV_PAGE_ENTRIES_MAX: "secret", DUETKV_LOG_LEVEL: "secret" });
  const names = ["--listen", "--log", "--tls-cert", "DUETKV_PAGE_ENTRIES_MAX", "DUETKV_LOG_LEVEL"];
  expect(new Set(mistakes.map((mistake) => mistake.split(" ")[0]))).toEqual(new Set(names));
  expect(mistakes).toHaveLength(names.length);
  expect(mistakes.join("\n")).not.toContain("secret");
});

test("lists of origins and hosts are read whole, or refused", () => {
  const flags = {
    "cors-origin": "https://a.example, http://localhost:3000",
    "allowed-hosts": "A.example,[fd00::1]",
  };
  expect(createConfiguration(flags, {})).toMatchObject({
    corsOrigin: new Set(["https://a.example", "http://localhost:3000"]),
    allowedHosts: new Set(["a.example", "[fd00::1]"]),
  });
  expect(createConfiguration({ "cors-origin": "*", "allowed-hosts": "*" }, {})).toMatchObject({
    corsOrigin: "*",
    allowedHosts: "*",
  });
  for (const origin of [
    "a.example",
    "https://a.example/",
    "https://a.example:443",
    "ftp://a",
    "https://*.example",
    "",
  ]) {
    expect(() => createConfiguration({ "cors-origin": origin }, {})).toThrow("--cors-origin must be");
  }
  for (const hosts of ["a.example:80", "https://a", "a b", ""]) {
    expect(() => createConfiguration({ "allowed-hosts": hosts }, {})).toThrow("--allowed-hosts must be");
  }
});
