// Fails if gen/, the table of reasons in docs/api.md, or docs/cli.md differs from what the generators write.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directory = mkdtempSync(join(tmpdir(), "duetkv-generated-"));
try {
  execFileSync("buf", ["generate", "--output", directory], { stdio: "inherit" });
  execFileSync(process.execPath, ["tools/generate-openapi.ts", join(directory, "gen")], { stdio: "inherit" });
  execFileSync("diff", ["--recursive", "--brief", "gen", join(directory, "gen")], { stdio: "inherit" });
  execFileSync(process.execPath, ["tools/generate-reasons.ts", join(directory, "api.md")], {
    stdio: "inherit",
  });
  execFileSync("diff", ["--brief", "docs/api.md", join(directory, "api.md")], { stdio: "inherit" });
  execFileSync(process.execPath, ["tools/generate-cli-docs.ts", join(directory, "cli.md")], {
    stdio: "inherit",
  });
  execFileSync("diff", ["--brief", "docs/cli.md", join(directory, "cli.md")], { stdio: "inherit" });
} catch {
  console.error("generated files are stale: run npm run generate");
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
