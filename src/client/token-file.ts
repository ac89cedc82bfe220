// A bearer token from a file that others renew, as Kubernetes does with projected tokens.

import { readFileSync, statSync } from "node:fs";

/** Kubernetes renews a token long before it ends, so that a second is soon enough. */
const lookMs = 1_000;
/** As the daemon. */
const maxTokenLength = 8_192;

/** The token as it is now. */
export interface TokenFile {
  /** Looks at the file once a second at most. A file that cannot be used any more leaves the last token. */
  current(): string;
}

/** Opens it. Throws a TypeError, which names the file, when there is no token in it now. */
export function openTokenFile(file: string, now: () => number = () => performance.now()): TokenFile {
  let mark = markOf(file);
  let token = read(file);
  let lookedAtMs = now();
  return {
    current() {
      if (now() - lookedAtMs < lookMs) return token;
      lookedAtMs = now();
      const seen = markOf(file);
      if (seen === mark) return token;
      mark = seen;
      try {
        token = read(file);
      } catch {
        // Half written, or taken away: the daemon says when the token we have has ended.
      }
      return token;
    },
  };
}

function read(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new TypeError(`token file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
  if (text.length > maxTokenLength || !/^[\w.~+/-]+=*$/.test(text)) {
    throw new TypeError(`token file ${file} has no bearer token in it: one line, at most ${maxTokenLength} characters`);
  }
  return text;
}

function markOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? "" : [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" ");
}
