// What a command waits for, and since when, on standard error where that is a terminal.

import type { Io } from "./io.ts";

const clearLine = "\r\u001b[K";
const tickMs = 1_000;

/** A line that comes and goes. */
export interface Waiting {
  /** From now on this is waited for. */
  on(what: string): void;
  /** Takes the line away: something else is to be written, or nothing is waited for any more. */
  clear(): void;
}

/** Nothing is drawn where nobody looks, or where it is not wanted. */
export function waiting(io: Io, wanted: boolean): Waiting {
  const shown = wanted && io.stderr.isTTY === true && io.env["TERM"] !== "dumb";
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    io.stderr.write(clearLine);
  };
  return {
    clear,
    on(what) {
      if (!shown) return;
      clear();
      const startedMs = performance.now();
      // One line: a terminal cannot clear what it has wrapped.
      const draw = (): void => {
        const seconds = Math.floor((performance.now() - startedMs) / 1_000);
        const text = seconds === 0 ? `… ${what}` : `… ${what}, ${seconds} s`;
        io.stderr.write(clearLine + text.slice(0, (io.stderr.columns ?? 80) - 1));
      };
      draw();
      timer = setInterval(draw, tickMs).unref();
    },
  };
}
