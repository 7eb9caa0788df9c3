import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { accepts, freePort } from "./ports.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

/** Configurations of proxies that pass gRPC over cleartext HTTP/2 to one server. */
const proxies = {
  nginx: {
    command: ["nginx", "-p", ".", "-e", "stderr", "-c", "proxy.conf"],
    configuration: (port: number, upstream: string) => `
      daemon off;
      master_process off;
      pid nginx.pid;
      error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path body;
        server {
          listen 127.0.0.1:${port} http2;
          location / { grpc_pass grpc://${upstream}; }
        }
      }`,
  },
  haproxy: {
    command: ["haproxy", "-db", "-f", "proxy.conf"],
    configuration: (port: number, upstream: string) => `
      defaults
        mode http
        timeout connect 10s
        timeout client 1h
        timeout server 1h
      frontend in
        bind 127.0.0.1:${port} proto h2
        default_backend out
      backend out
        server one ${upstream} proto h2
`,
  },
} as const;

export type ProxyName = keyof typeof proxies;
export const proxyNames = Object.keys(proxies) as ProxyName[];

/** Starts a proxy in front of HOST:PORT, until the test is over. Resolves with its own HOST:PORT once it listens. */
export async function startProxy(name: ProxyName, upstream: string): Promise<string> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const { command, configuration } = proxies[name];
  await mkdir(join(directory, "body"));
  await writeFile(join(directory, "proxy.conf"), configuration(port, upstream));
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await exit;
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${errors}`);
    return accepts(port);
  });
  return `127.0.0.1:${port}`;
}
