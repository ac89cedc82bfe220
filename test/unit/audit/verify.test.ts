// What somebody can do to audit files, and that the verifier finds each with the public key alone.

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fc, test as property } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { AuditLogOptions } from "../../../src/audit/index.ts";
import { openAuditLog } from "../../../src/audit/index.ts";
import { parts, verified } from "./verified.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "verify-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** A log of records 0 (its opening) to `calls`, begun on a day of January. */
async function written(calls: number, day = 1, more: Partial<AuditLogOptions> = {}): Promise<string> {
  const log = await openAuditLog({ folder, clock: () => Date.UTC(2026, 0, day), ...more });
  for (let call = 1; call <= calls; call++) await log.append({ event: "result", call, outcome: "done" });
  await log.close();
  return log.log;
}

const problems = async (kept?: readonly string[]) =>
  (await verified(folder, kept)).problems.map(({ record, what }) => `${record}: ${what}`);
const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1);
const checkpoints = () => readdirSync(folder).filter((file) => file.endsWith(".checkpoints"));

describe("one log", () => {
  test.each<[what: string, change: (lines: string[]) => string[], found: RegExp]>([
    [
      "edited",
      (l) => l.with(3, l[3]!.replace('"call":3', '"call":9')),
      /^3: the record before line 5, or its own word/,
    ],
    [
      "edited, the last of all",
      (l) => l.with(9, l[9]!.replace("done", "none")),
      /^9: line 10 and those before it are not/,
    ],
    ["removed", (l) => l.toSpliced(3, 1), /^3: line 4 is record 4: record 3 is missing/],
    ["removed, several", (l) => l.toSpliced(3, 3), /^3: line 4 is record 6: records 3 to 5 are missing/],
    ["removed, the first", (l) => l.slice(1), /^0: line 1 is record 1: record 0 is missing/],
    ["inserted", (l) => l.toSpliced(3, 0, l[2]!), /^3: line 4 is record 2 again/],
    ["inserted, foreign", (l) => l.toSpliced(3, 0, '{"a":1}'), /^3: line 4 is no record/],
    ["inserted, empty", (l) => l.toSpliced(3, 0, ""), /^3: line 4 is no record/],
    [
      "of another log",
      (l) => l.with(3, l[3]!.replace(/[0-9a-f]{32}/, "0".repeat(32))),
      /^3: line 4 is a record of log 0{32}/,
    ],
    ["swapped", (l) => l.with(3, l[4]!).with(4, l[3]!), /^3: line 4 is record 4/],
    ["cut off", (l) => l.slice(0, 6), /^6: the log was cut off or rolled back: it had 10 records, and 6 are left/],
    ["emptied", () => [], /^0: the log was cut off or rolled back: it had 10 records, and 0 are left/],
  ])("with a record %s", async (_, change, found) => {
    await written(9);
    const [path] = parts(folder);
    writeFileSync(
      path!,
      change(linesOf(path!))
        .map((line) => `${line}\n`)
        .join(""),
    );
    const all = await problems();
    expect(all).toEqual([expect.stringMatching(found)]);
  });

  it("with checkpoints of a stranger", async () => {
    await written(3);
    const [file] = checkpoints();
    writeFileSync(join(folder, file!), readFileSync(join(folder, file!), "utf8").replace(/\n[14]\n/g, "\n3\n"));
    expect(await problems()).toEqual([
      "0: checkpoint 1 is not signed by a key that was given",
      "0: checkpoint 2 is not signed by a key that was given",
      expect.stringMatching(/^0: no checkpoint of it is signed/),
    ]);
  });

  it("without its checkpoints", async () => {
    await written(3);
    rmSync(join(folder, checkpoints()[0]!));
    expect(await problems()).toEqual([expect.stringMatching(/^0: no checkpoint of it is signed/)]);
  });

  it("that was rolled back with its checkpoints, by one that was kept elsewhere", async () => {
    const notes: string[] = [];
    const log = await openAuditLog({ folder, notice: ({ note }) => note !== undefined && void notes.push(note) });
    await log.append({ event: "result", call: 1 });
    const [path] = parts(folder);
    copyFileSync(path!, `${path!}.kept`);
    await log.append({ event: "result", call: 2 });
    await log.close();
    copyFileSync(`${path!}.kept`, path!);
    rmSync(join(folder, checkpoints()[0]!));
    const kept = join(folder, "kept");
    writeFileSync(kept, notes.at(-1)!);
    expect(await problems([kept])).toEqual([expect.stringMatching(/it had 3 records, and 2 are left/)]);
  });

  it("that ends within a line is told, and holds", async () => {
    await written(3);
    const [path] = parts(folder);
    writeFileSync(path!, `${readFileSync(path!, "utf8")}{"log":`);
    expect(await verified(folder)).toMatchObject({ problems: [], logs: [{ to: 4, torn: 7 }] });
  });

  property.prop([fc.nat(), fc.integer({ min: 1, max: 255 })], { numRuns: 60 })(
    "with any byte changed",
    async (place, change) => {
      rmSync(folder, { recursive: true });
      await written(3);
      const [path] = parts(folder);
      const bytes = readFileSync(path!);
      bytes[place % bytes.length]! ^= change;
      writeFileSync(path!, bytes);
      expect(await problems()).not.toEqual([]);
    },
  );
});

describe("a set of logs", () => {
  it("that is whole", async () => {
    for (const day of [1, 2, 3]) await written(day, day);
    expect(await verified(folder)).toMatchObject({ problems: [], logs: [{ to: 2 }, { to: 3 }, { to: 4 }] });
  });

  it("of which one is missing, with its checkpoints", async () => {
    const [first] = [await written(1, 1), await written(2, 2)];
    for (const file of readdirSync(folder).filter((name) => name.includes(first))) rmSync(join(folder, file));
    expect(await problems()).toEqual([expect.stringMatching(/^0: the log is missing/)]);
  });

  it("of which one was cut back to before its successor began, with its checkpoints", async () => {
    const [first] = [await written(5, 1), await written(2, 2)];
    const [path] = parts(folder);
    writeFileSync(
      path!,
      linesOf(path!)
        .slice(0, 4)
        .map((line) => `${line}\n`)
        .join(""),
    );
    for (const file of checkpoints().filter((name) => name.includes(first))) rmSync(join(folder, file));
    expect(await problems()).toContainEqual(
      expect.stringMatching(/^4: the log was cut off or rolled back: it had 6 records, and 4/),
    );
  });

  it("of which one has two heads", async () => {
    // The same process's log, forked: a copy of the machine went on from its second record.
    const first = await openAuditLog({ folder, clock: () => Date.UTC(2026, 0, 1) });
    await first.append({ event: "result", call: 1 });
    const [path] = parts(folder);
    const fork = readFileSync(path!, "utf8");
    await first.append({ event: "result", call: 2 });
    await first.close();
    await written(1, 2);
    const { leafHash } = await import("../../../src/audit/tree.ts");
    const other = `{"log":"${first.log}","seq":2,"prev":"${leafHash(fork.split("\n")[1]!)}","time":"2026-01-01T00:00:00.000Z","event":"result"}\n`;
    writeFileSync(path!, fork + other);
    rmSync(join(folder, checkpoints()[0]!));
    expect(await problems()).toContainEqual(
      expect.stringMatching(/^2: line 3 is not the record that a later log knows: the log has two heads/),
    );
  });
});

describe("parts", () => {
  const rotating = { rotateBytes: 600 };

  async function compressed(count: number): Promise<void> {
    await expect.poll(() => readdirSync(folder).filter((file) => file.endsWith(".gz")).length).toBe(count);
  }

  it("are one log, compressed or not", async () => {
    await written(9, 1, rotating);
    await compressed(4);
    expect(await verified(folder)).toMatchObject({ problems: [], logs: [{ from: 0, to: 14, checked: 14 }] });
    const [part] = readdirSync(folder).filter((file) => file.endsWith(".gz"));
    expect(gunzipSync(readFileSync(join(folder, part!))).toString()).toMatch(/^\{"log":/);
  });

  it("are missed when one is gone", async () => {
    await written(9, 1, rotating);
    await compressed(4);
    rmSync(join(folder, readdirSync(folder).filter((file) => file.endsWith(".gz"))[2]!));
    expect(await problems()).toEqual([
      expect.stringMatching(/^\d+: line 1 is record \d+: records \d+ to \d+ are missing/),
    ]);
  });

  it("are missed when the first are gone, unless a record says that they were too old", async () => {
    const log = await openAuditLog({ folder, rotateBytes: 600, clock: () => Date.now() });
    for (let call = 1; call <= 9; call++) await log.append({ event: "result", call });
    const gone = readdirSync(folder).filter((file) => /\.00000[12]\.jsonl/.test(file));
    await log.close();
    await compressed(4);
    for (const file of readdirSync(folder).filter((name) => /\.00000[12]\.jsonl/.test(name)))
      rmSync(join(folder, file));
    expect(gone.length).toBeGreaterThan(0);
    expect(await problems()).toEqual([expect.stringMatching(/part 1, 2 is missing, and no record says/)]);
  });

  it("that are older than they are kept are removed, and what is left holds", async () => {
    await written(9, 1, rotating);
    await compressed(4);
    const tomorrow = Date.now() + 86_400_000;
    const log = await openAuditLog({ folder, keepMs: 3_600_000, clock: () => tomorrow });
    await expect.poll(() => readFileSync(parts(folder).at(-1)!, "utf8").match(/part-removed/g)?.length).toBe(5);
    await log.close();
    expect(checkpoints()).toHaveLength(1);
    expect(await verified(folder)).toMatchObject({ problems: [], logs: [{ to: 6 }] });
  });
});
