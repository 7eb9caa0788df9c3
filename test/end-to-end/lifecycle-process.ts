import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { serverProgram } from "../support/server-program.ts";

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Starts the service as it is told and waits for its end, which must come by itself before the test's time is over. */
export async function runToEnd(
  flags: readonly string[],
  options: { uid?: number; environment?: Record<string, string> } = {},
): Promise<Ended> {
  const env = { ...process.env, ...options.environment };
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const child = spawn(process.execPath, [serverProgram(), ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env,
    ...identity,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [output, errors] = [collect(child, "stdout"), collect(child, "stderr")];
  const [code] = await once(child, "close");
  return { code, output: output(), errors: errors() };
}

/** A service whose standard output nobody reads. */
export function spawnUnread(flags: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [serverProgram(), ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout?.pause();
  return child;
}

export interface Upload {
  readonly request: ClientRequest;
  /** Rejects when the connection ends before the answer. */
  readonly status: Promise<number | undefined>;
}

/** Begins a put; resolves when the server has begun to work on it. It is a running call until its body has ended. */
export async function beginUpload(address: string, key: string): Promise<Upload> {
  const headers = { expect: "100-continue", "transfer-encoding": "chunked" };
  const request = httpRequest(`http://${address}/v1/key/${key}`, { method: "PUT", headers, agent: false });
  const response = once(request, "response") as Promise<[IncomingMessage]>;
  const status = response.then(([{ statusCode }]) => statusCode);
  status.catch(() => {});
  request.flushHeaders();
  await once(request, "continue");
  return { request, status };
}

export async function acceptsConnections(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function collect(child: ChildProcess, stream: "stdout" | "stderr"): () => string {
  let text = "";
  child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
