// Fails when gen/ is not what the contract generates.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directory = mkdtempSync(join(tmpdir(), "duetkv-generated-"));
try {
  execFileSync("buf", ["generate", "--output", directory], { stdio: "inherit" });
  execFileSync(process.execPath, ["tools/generate-openapi.ts", join(directory, "gen")], { stdio: "inherit" });
  execFileSync("diff", ["--recursive", "--brief", "gen", join(directory, "gen")], { stdio: "inherit" });
} catch {
  console.error("gen/ is stale: run npm run generate");
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
