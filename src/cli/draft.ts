import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandFailure, usageFailure } from "./failure.ts";

/** A text that the user edits in a temporary file. Unless discarded, the file is kept and its path is printed. */
interface Draft extends Disposable {
  /** Runs the editor and returns the text. Throws CommandFailure when the editor failed, or the text is not JSON. */
  edit(): string;
  discard(): void;
}

export function openDraft(text: string, json: boolean): Draft {
  const directory = mkdtempSync(join(tmpdir(), "duetkv-edit-"));
  const file = join(directory, json ? "value.json" : "value.txt");
  writeFileSync(file, text, { mode: 0o600 });
  let discarded = false;
  return {
    edit() {
      runEditor(file);
      const edited = readFileSync(file, "utf8");
      // Editors add a newline at the end of the last line, even if there was none before.
      const result = text.endsWith("\n") ? edited : edited.replace(/\n$/, "");
      if (json) assertJson(result);
      return result;
    },
    discard() {
      discarded = true;
      rmSync(directory, { recursive: true, force: true });
    },
    [Symbol.dispose]() {
      if (!discarded) process.stderr.write(`Your text is in ${file}\n`);
    },
  };
}

/** As in git, the variable may contain arguments of the editor. */
function runEditor(file: string): void {
  const { VISUAL: visual, EDITOR: editor } = process.env;
  const { status, error } = spawnSync("sh", ["-c", `${visual || editor || "vi"} "$1"`, "sh", file], {
    stdio: "inherit",
  });
  if (error === undefined && status === 0) return;
  throw new CommandFailure({
    outcome: "failed",
    reason: "EDITOR_FAILED",
    message: `the editor ${error === undefined ? `exited with ${status}` : `cannot be run: ${error.message}`}`,
    advice: "Set VISUAL or EDITOR.",
  });
}

function assertJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    throw usageFailure(`the text is not valid JSON: ${(error as Error).message}`);
  }
}
