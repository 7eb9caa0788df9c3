import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ServerProcess, startServer } from "../server-process.ts";
import { buf, build, buildDirectory, isInstalled, repository } from "./built.ts";

export const hasCargo = isInstalled("cargo", "--version");

/** Builds the map behind Rust's tonic, which takes minutes the first time, and starts it. */
export function startTonic(): Promise<ServerProcess> {
  const directory = buildDirectory("tonic");
  const descriptors = join(directory, "duetkv.binpb");
  const latest = join(directory, "latest.binpb");
  build([buf, "build", "proto", "--as-file-descriptor-set", "--output", latest]);
  // Cargo goes by the time of the file, and builds anew for minutes.
  if (!existsSync(descriptors) || !readFileSync(latest).equals(readFileSync(descriptors))) {
    copyFileSync(latest, descriptors);
  }
  const target = join(directory, "target");
  const environment = { DESCRIPTOR_SET: descriptors, CARGO_TARGET_DIR: target };
  build(
    ["cargo", "build", "--quiet", "--release", "--locked"],
    join(repository, "bench/peers/tonic"),
    environment,
  );
  return startServer([join(target, "release/duetkv-bench-tonic")]);
}
