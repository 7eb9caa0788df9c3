import { stat } from "node:fs/promises";

export interface FileWatch {
  close(): void;
}

export interface FileWatchOptions {
  /** Followed through symbolic links: those that Kubernetes swaps for a ConfigMap or a Secret count as a change. */
  readonly paths: readonly string[];
  /** Called once for changes that come together, when two looks in a row have seen the same. Must not throw. */
  readonly onChange: () => void;
  /** Between two looks. Default: 500. */
  readonly pollMs?: number;
}

/**
 * Polls files for changes. Kernel notifications would miss changes of network file systems and of swapped links.
 * Resolves after the first poll and reports every later change, so files that are read afterwards are never older
 * than the watch assumes. The appearance of a missing file is a change.
 */
export async function watchFiles({ paths, onChange, pollMs = 500 }: FileWatchOptions): Promise<FileWatch> {
  let reported = await look(paths);
  let last = reported;
  let closed = false;
  let timer = setTimeout(() => void poll(), pollMs).unref();

  async function poll(): Promise<void> {
    const now = await look(paths);
    if (closed) return;
    // A file that is still being written changes from look to look.
    if (now === last && now !== reported) {
      reported = now;
      onChange();
    }
    last = now;
    timer = setTimeout(() => void poll(), pollMs).unref();
  }

  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** A text that differs when the content of a file differs. */
async function look(paths: readonly string[]): Promise<string> {
  const files = await Promise.all(paths.map(describe));
  return files.join("\n");
}

async function describe(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable";
  }
}
