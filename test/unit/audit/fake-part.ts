// A part of an audit log in memory that waits, fails and takes bytes as a test says.

import type { OpenPart } from "../../../src/audit/part.ts";

interface Options {
  /** Writes go through at once; else each waits for `release`. */
  readonly automatic?: boolean;
  readonly bytesPerWrite?: number;
}

export function fakePart({ automatic = false, bytesPerWrite = Infinity }: Options = {}) {
  const writes: string[] = [];
  let content = "";
  let begun = 0;
  let syncs = 0;
  const syncFailures: string[] = [];
  let failure: { code: string; after: number } | undefined;
  let isAutomatic = automatic;
  let waiting: (() => void) | undefined;
  const watchers: { count: number; resolve: () => void }[] = [];

  const take = (bytes: Buffer, offset: number, length: number): number => {
    const allowed = failure === undefined ? bytesPerWrite : Math.min(bytesPerWrite, failure.after);
    if (failure !== undefined && failure.after <= 0) {
      const { code } = failure;
      failure = undefined;
      throw Object.assign(new Error(`${code}: a secret place`), { code });
    }
    const taken = Math.min(length, allowed);
    if (failure !== undefined) failure.after -= taken;
    const text = bytes.toString("utf8", offset, offset + taken);
    writes.push(text);
    content += text;
    return taken;
  };

  const first = (bytes: Buffer, offset: number, length: number) => {
    content = bytes.toString("utf8", offset, offset + length);
    return length;
  };

  const open: OpenPart = () =>
    Promise.resolve({
      async write(bytes: Buffer, offset: number, length: number) {
        // The log's first record is no part of what tests are about.
        if (content === "" && begun === 0) return first(bytes, offset, length);
        begun += 1;
        for (const { count, resolve } of watchers) if (begun >= count) resolve();
        if (!isAutomatic) await new Promise<void>((resolve) => (waiting = resolve));
        return take(bytes, offset, length);
      },
      truncate(size: number) {
        content = content.slice(0, size);
        return Promise.resolve();
      },
      sync() {
        syncs += 1;
        if (syncFailures.length > 0)
          return Promise.reject(Object.assign(new Error("sync"), { code: syncFailures.pop() }));
        return Promise.resolve();
      },
      isCurrent: () => Promise.resolve(true),
      close: () => Promise.resolve(),
    });

  return {
    open,
    writes,
    content: () => content,
    syncs: () => syncs,
    /** The next sync fails. */
    failSync: (code: string) => void syncFailures.push(code),
    /** Resolves when this many writes have begun. */
    writing: (count: number) =>
      new Promise<void>((resolve) => (begun >= count ? resolve() : watchers.push({ count, resolve }))),
    release: () => waiting?.(),
    /** Lets the write that waits, and all later ones, through. */
    automate() {
      isAutomatic = true;
      waiting?.();
    },
    /** The next write fails, after so many bytes were taken. */
    failNext: (code: string, after = 0) => (failure = { code, after }),
  };
}
