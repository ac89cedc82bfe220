// Ends a child whose daemon is gone, also while its main thread is blocked in a native call.

import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** A thread of its own, in the words of the language alone: it is not compiled, and imports nothing of ours. */
const watch = `
const { workerData } = require("node:worker_threads");
setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, "SIGKILL");
}, 200);
`;

/**
 * Ends this process if its parent is another than `parent`: the daemon ended before the kernel was asked to end us with it.
 * With `watching`, where the kernel cannot be asked, a thread looks five times a second.
 */
export async function holdOn(parent: number, watching: boolean): Promise<void> {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  if (!watching) return;
  const limits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };
  const thread = new Worker(watch, { eval: true, workerData: parent, resourceLimits: limits, env: {} });
  thread.unref();
  await once(thread, "online");
}
