// Packs variables, becomes a new image of this same program, and prints what came across and what is left to see.

import { fstatSync, readFileSync, readlinkSync } from "node:fs";
import { handoverMarker, packVariables, takeOver } from "../../../src/daemon/handover.ts";

const [, script, step] = process.argv;
if (step === "first") {
  const marker = packVariables(["SECRET_ONE", "SECRET_TWO", "NOT_SET"], process.env);
  const rest = Object.entries(process.env).filter(([name]) => !name.startsWith("SECRET_"));
  const environment = { ...Object.fromEntries(rest), ...(marker !== undefined && { [handoverMarker]: marker }) };
  process.execve!(process.execPath, [process.execPath, script!, "second"], environment);
}
const received: Record<string, string> = {};
const views: Buffer[] = [];
const before = fstatSync(0);
takeOver((name, bytes) => {
  received[name] = bytes.toString("hex");
  views.push(bytes);
});
console.log(
  JSON.stringify({
    received,
    wiped: views.every((bytes) => bytes.every((byte) => byte === 0)),
    unlinked: before.nlink === 0,
    mode: before.mode & 0o777,
    input: readlinkSync("/proc/self/fd/0"),
    environ: readFileSync("/proc/self/environ", "latin1"),
    marker: process.env[handoverMarker] ?? null,
  }),
);
