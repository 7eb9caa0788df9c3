import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type ServerProcess, startServer } from "../server-process.ts";
import { buf, build, buildDirectory, isInstalled, repository } from "./built.ts";

export const hasGo = isInstalled("go", "version");

/** Builds the map behind grpc-go and starts it. */
export function startGrpcGo(): Promise<ServerProcess> {
  const sources = join(repository, "bench/peers/grpc-go");
  const directory = buildDirectory("grpc-go");
  build([buf, "generate", "--template", join(sources, "buf.gen.yaml"), "--output", directory]);
  for (const file of ["go.mod", "go.sum", "main.go"])
    copyFileSync(join(sources, file), join(directory, file));
  build(["go", "build", "-o", "server", "."], directory);
  return startServer([join(directory, "server")], { GOMAXPROCS: "1" });
}
