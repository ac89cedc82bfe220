// Loaded into the daemon before it starts: on SIGUSR2 it says the event loop's longest delay since it was last asked.

import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";

// The histogram holds the time between two looks, so that one on time reads a millisecond.
const resolutionMs = 1;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
process.on("SIGUSR2", () => {
  process.stderr.write(`event-loop-delay-ms ${Math.max(0, delay.max / 1e6 - resolutionMs)}\n`);
  delay.reset();
});
