import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStore } from "../../../src/store/index.ts";

const program = join(import.meta.dirname, "leasing-child.ts");
let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "kb-store-"))));
afterEach(() => rmSync(folder, { recursive: true }));

interface Taken {
  readonly got: number;
  readonly uses: number;
  readonly epoch: number;
}

/** Starts a process; `go` lets it take what it can. */
async function start(file: string): Promise<{ go(): Promise<Taken> }> {
  const child = spawn(process.execPath, [program, file, "3", "1000"], { stdio: ["pipe", "pipe", "inherit"] });
  let text = "";
  const lines = () => text.split("\n");
  await new Promise<void>((resolve, reject) => {
    child.on("error", reject).on("exit", reject);
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (lines()[0] === "ready") resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  return {
    async go() {
      child.stdin.write("go\n");
      await ended;
      return JSON.parse(lines()[1]!) as Taken;
    },
  };
}

test("two processes over one file share counters, grants and stops to the last one", async () => {
  const file = join(folder, "store.db");
  const processes = await Promise.all([start(file), start(file)]);
  const taken = await Promise.all(processes.map((one) => one.go()));
  expect(taken[0]!.got + taken[1]!.got).toBe(1_000);
  expect(taken[0]!.uses + taken[1]!.uses).toBe(25);
  expect(taken.map(({ epoch }) => epoch).sort()).toEqual([1, 2]);
  const store = openStore(file);
  expect((await store.stops()).keys.size).toBe(2);
  expect(await store.lease("both", 3_600_000, 7, 1, 1_000)).toEqual({ got: 0, taken: 1_000, window: 7 });
  await store.close();
});
