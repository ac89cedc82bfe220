// An audit file in memory that waits, fails and takes bytes as a test says.

import type { OpenAuditFile } from "../../../src/audit/file.ts";

interface Options {
  /** Writes go through at once; else each waits for `release`. */
  readonly automatic?: boolean;
  readonly bytesPerWrite?: number;
}

export function fakeFile({ automatic = false, bytesPerWrite = Infinity }: Options = {}) {
  const writes: string[] = [];
  let content = "";
  let begun = 0;
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

  const open: OpenAuditFile = () =>
    Promise.resolve({
      torn: false,
      async write(bytes, offset, length) {
        begun += 1;
        for (const { count, resolve } of watchers) if (begun >= count) resolve();
        if (!isAutomatic) await new Promise<void>((resolve) => (waiting = resolve));
        return take(bytes, offset, length);
      },
      isCurrent: () => Promise.resolve(true),
      close: () => Promise.resolve(),
    });

  return {
    open,
    writes,
    content: () => content,
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
