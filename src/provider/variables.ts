// Secret environment variables: taken out of process.env at the first look, kept for reloads.

import { copy, allocate, wipe } from "../secret/index.ts";

const shared = Symbol.for("keybroker.variables");

/** One for the process: a provider from npm brings its own copy of this module, and its secrets are here too. */
const kept = ((globalThis as { [shared]?: Map<string, Buffer> })[shared] ??= new Map<string, Buffer>());

/**
 * Keeps a variable that came by another way than process.env (the launcher hands them over through a descriptor, so
 * that they do not stand in /proc/PID/environ). It copies `bytes`, which the caller still owns and wipes.
 */
export function provideVariable(name: string, bytes: Uint8Array): void {
  wipe(kept.get(name));
  kept.set(name, copy(bytes));
  delete process.env[name];
}

/** Moves a variable out of process.env. The string it was there is beyond our reach; it goes no further. */
function keepVariable(name: string): void {
  const value = process.env[name];
  if (value === undefined) return;
  const bytes = allocate(Buffer.byteLength(value));
  bytes.write(value, "utf8");
  provideVariable(name, bytes);
  wipe(bytes);
}

/** Whether the variable is set. It leaves process.env with this. */
export function hasVariable(name: string): boolean {
  keepVariable(name);
  return kept.has(name);
}

/**
 * A copy of a secret variable's bytes, undefined when it is not set. It leaves process.env at the first look and is
 * remembered, so that a reload finds it again. The caller owns the copy and wipes it.
 */
export function takeVariable(name: string): Buffer | undefined {
  keepVariable(name);
  const bytes = kept.get(name);
  return bytes && copy(bytes);
}
