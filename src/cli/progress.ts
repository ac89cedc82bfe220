// A progress bar on standard error, when that is a terminal.

import type { Io } from "./io.ts";

const width = 30;
const clearLine = "\r\u001b[K";

/** A bar under way. */
export interface Progress {
  /** One more is done. */
  step(): void;
  /** Writes something else where the bar is. */
  interrupt(write: () => void): void;
  /** Takes the bar away. */
  end(): void;
}

/** A bar for so many steps; nothing is drawn where nobody looks, or for a single step. */
export function progress(io: Io, total: number, wanted: boolean): Progress {
  const shown = wanted && total > 1 && io.stderr.isTTY === true && io.env["TERM"] !== "dumb";
  const write = (text: string): void => void (shown && io.stderr.write(text));
  let done = 0;
  const draw = (): void => {
    const filled = Math.floor((width * done) / total);
    write(`${clearLine}[${"#".repeat(filled)}${" ".repeat(width - filled)}] ${done}/${total}`);
  };
  draw();
  return {
    step: () => {
      done++;
      draw();
    },
    interrupt: (other) => {
      write(clearLine);
      other();
      draw();
    },
    end: () => write(clearLine),
  };
}
