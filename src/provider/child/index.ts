// Runs a provider in a child process: a call that blocks, or code that crashes, then stops nobody else.

export { openInChild } from "./open-in-child.ts";
export type { ChildModule } from "./open-in-child.ts";
export { ownModule } from "./own-module.ts";
