// Notices that files changed, by looking at them once a second.

import { statSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";

/** A second: what a change costs at most before it is noticed. */
const intervalMs = 1_000;

/** Files that are being watched. */
export interface FileWatch {
  /** Calls `changed` with the files that are no longer as they were; not again before its promise settled. */
  start(changed: (files: readonly string[]) => Promise<void>): void;
  /** Looks now, as it does each second. Resolves when `changed` is done. */
  look(): Promise<void>;
  stop(): void;
}

/**
 * Remembers how the files are now: read them after this, so that no change falls in between. Symbolic links are followed,
 * since Kubernetes changes mounted files by swapping one. A look at modification times, sizes and inodes rather than
 * inotify, which says nothing of files on network and overlay file systems.
 */
export function watchFiles(files: Iterable<string>): FileWatch {
  const marks = new Map([...new Set(files)].map((file) => [file, markOf(attempt(() => statSync(file)))]));
  let timer: NodeJS.Timeout | undefined;
  let tell: (files: readonly string[]) => Promise<void> = () => Promise.resolve();
  let stopped = marks.size === 0;

  async function look(): Promise<void> {
    const changed: string[] = [];
    for (const [file, before] of marks) {
      const now = markOf(await stat(file).catch(() => undefined));
      if (now === before) continue;
      marks.set(file, now);
      changed.push(file);
    }
    if (changed.length > 0 && !stopped) await tell(changed);
  }

  function wait(): void {
    if (stopped) return;
    timer = setTimeout(() => void look().finally(wait), intervalMs);
    timer.unref();
  }

  return {
    start(changed) {
      tell = changed;
      wait();
    },
    look,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function markOf(stats: Stats | undefined): string {
  return stats === undefined ? "none" : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" ");
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
