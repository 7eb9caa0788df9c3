import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitCodes } from "./exit-codes.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import type { Invocation } from "./invocation.ts";

/** A text that the user edits in a temporary file. Unless discarded, the file is kept and its path is printed. */
interface Draft extends Disposable {
  /** Runs the editor and resolves with the text. Rejects with CommandFailure when the editor failed, or the text is not JSON. */
  edit(): Promise<string>;
  discard(): void;
}

/** While the editor runs, an interrupt is for the editor. At other times it ends the process, which prints the path first. */
export function openDraft(
  text: string,
  json: boolean,
  onInterrupt: Invocation<"edit">["onInterrupt"],
): Draft {
  const directory = mkdtempSync(join(tmpdir(), "duetkv-edit-"));
  const file = join(directory, json ? "value.json" : "value.txt");
  writeFileSync(file, text, { mode: 0o600 });
  let discarded = false;
  let isEditing = false;
  const tell = () => discarded || process.stderr.write(`Your text is in ${file}\n`);
  onInterrupt(() => {
    if (isEditing) return;
    tell();
    process.exit(exitCodes.interrupted.code);
  });
  return {
    async edit() {
      isEditing = true;
      await runEditor(file).finally(() => {
        isEditing = false;
      });
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
    [Symbol.dispose]: tell,
  };
}

/** As in git, the variable may contain arguments of the editor. */
async function runEditor(file: string): Promise<void> {
  const { VISUAL: visual, EDITOR: editor } = process.env;
  const child = spawn("sh", ["-c", `${visual || editor || "vi"} "$1"`, "sh", file], { stdio: "inherit" });
  const [status, signal] = await once(child, "close");
  if (status === 0) return;
  throw new CommandFailure({
    outcome: "failed",
    reason: "EDITOR_FAILED",
    message: `the editor ${signal === null ? `exited with ${status}` : `was ended by ${signal}`}`,
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
