import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditNotice, AuditRecord, FileAuditLog } from "../../../src/audit/index.ts";
import { openAuditLog } from "../../../src/audit/index.ts";
import { lineOf, lineStart } from "../../../src/audit/line.ts";
import { fakeFile } from "./fake-file.ts";

let root: string;
let folder: string;
let notices: string[];
const notice = ({ event, code }: AuditNotice) => void notices.push(code === undefined ? event : `${event} ${code}`);
const file = () => join(folder, "audit.jsonl");
const record = (call: number): AuditRecord => ({ event: "result", call, operation: "wrap", outcome: "done" });

interface Line {
  readonly time: string;
  readonly process: string;
  readonly seq: number;
  readonly call: number;
}
const parsed = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
const lines = () => parsed(readFileSync(file(), "utf8"));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "audit-"));
  folder = join(root, "audit");
  notices = [];
});

afterEach(() => rmSync(root, { recursive: true }));

describe("the file", () => {
  it("is 0600 in a 0700 folder, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      await (await openAuditLog({ folder })).close();
    } finally {
      process.umask(before);
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it("holds a record once its promise resolves", async () => {
    const log = await openAuditLog({ folder, clock: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
    await log.append({
      event: "result",
      call: 7,
      listener: "sock",
      identity: "backup",
      operation: "unwrap",
      key: "backups/db",
      envelope: "00ff",
      context: { host: "db1" },
      outcome: "DENIED",
    });
    await log.append({ event: "configuration", details: { digest: "ab", rulesAdded: ["a may wrap: b"] } });
    expect(readFileSync(file(), "utf8")).toBe(
      `{"time":"2026-01-02T03:04:05.006Z","process":"${log.process}","seq":0,"event":"result","call":7,"listener":"sock",` +
        `"identity":"backup","operation":"unwrap","key":"backups/db","envelope":"00ff","context":{"host":"db1"},"outcome":"DENIED"}\n` +
        `{"time":"2026-01-02T03:04:05.006Z","process":"${log.process}","seq":1,"event":"configuration",` +
        `"details":{"digest":"ab","rulesAdded":["a may wrap: b"]}}\n`,
    );
    await log.close();
  });

  it("is appended to by the next process, under another id and from 0 again", async () => {
    for (let start = 0; start < 2; start++) {
      const log = await openAuditLog({ folder });
      await Promise.all([log.append(record(1)), log.append(record(2))]);
      await log.close();
    }
    const found = lines();
    expect(found.map(({ seq }) => seq)).toEqual([0, 1, 0, 1]);
    expect(new Set(found.map(({ process }) => process)).size).toBe(2);
  });

  it("gets its unfinished last line ended", async () => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(file(), '{"seq":0}\n{"seq":1,"half', { mode: 0o600 });
    const log = await openAuditLog({ folder });
    await log.append(record(1));
    await log.close();
    const [first, half, ours] = readFileSync(file(), "utf8").split("\n");
    expect([first, half]).toEqual(['{"seq":0}', '{"seq":1,"half']);
    expect(JSON.parse(ours!)).toMatchObject({ seq: 0, call: 1 });
  });
});

describe("what is refused at the start, by name", () => {
  const opened = () => openAuditLog({ folder });
  const refusal = (message: RegExp) => ({
    reason: "AUDIT_UNAVAILABLE",
    message: expect.stringMatching(message) as string,
  });

  it("a folder that others may write to", async () => {
    mkdirSync(folder);
    chmodSync(folder, 0o770);
    await expect(opened()).rejects.toMatchObject(refusal(/audit may be written by other users/));
  });

  it("a file that others may write to", async () => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(file(), "");
    chmodSync(file(), 0o606);
    await expect(opened()).rejects.toMatchObject(refusal(/audit\.jsonl may be written by other users/));
  });

  it("a symbolic link", async () => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(root, "elsewhere"), "");
    symlinkSync(join(root, "elsewhere"), file());
    await expect(opened()).rejects.toMatchObject(refusal(/ELOOP/));
  });

  it("a pipe, without waiting for its reader", async () => {
    mkdirSync(folder, { mode: 0o700 });
    execFileSync("sh", ["-c", 'mkfifo -m 600 "$0"', file()]);
    await expect(opened()).rejects.toMatchObject(refusal(/no regular file/));
  });

  it("a folder in the file's place, and a file in the folder's", async () => {
    mkdirSync(file(), { recursive: true, mode: 0o700 });
    await expect(opened()).rejects.toMatchObject(refusal(/EISDIR/));
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    await expect(opened()).rejects.toMatchObject(refusal(/EEXIST|ENOTDIR/));
  });
});

describe("records of one turn", () => {
  it("share one write, and so do those that come while it is under way", async () => {
    const fake = fakeFile();
    const log = await openAuditLog({ folder, openFile: fake.open });
    const first = [1, 2, 3].map((call) => log.append(record(call)));
    await fake.writing(1);
    const second = [4, 5].map((call) => log.append(record(call)));
    fake.release();
    await Promise.all(first);
    await fake.writing(2);
    fake.release();
    await Promise.all(second);
    expect(fake.writes.map((text) => parsed(text).map(({ call }) => call))).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    await log.close();
  });

  it("stand in the order of their appends", async () => {
    const log = await openAuditLog({ folder });
    const all: Promise<void>[] = [];
    for (let turn = 0; turn < 50; turn++) {
      for (let i = 0; i < 20; i++) all.push(log.append(record(turn * 20 + i)));
      await new Promise(setImmediate);
    }
    await Promise.all(all);
    await log.close();
    const expected = Array.from({ length: 1_000 }, (_, i) => i);
    expect(lines().map(({ seq }) => seq)).toEqual(expected);
    expect(lines().map(({ call }) => call)).toEqual(expected);
  });

  it("are written whole when they are more than the kept buffer takes", async () => {
    const log = await openAuditLog({ folder });
    const long = "ü".repeat(1_000);
    await Promise.all(Array.from({ length: 500 }, (_, call) => log.append({ ...record(call), context: { long } })));
    await log.close();
    expect(lines()).toHaveLength(500);
  });
});

describe("a disk that fails", () => {
  async function failing(): Promise<{ log: FileAuditLog; fake: ReturnType<typeof fakeFile> }> {
    const fake = fakeFile({ automatic: true });
    return { fake, log: await openAuditLog({ folder, openFile: fake.open, notice }) };
  }

  it.each(["ENOSPC", "EIO", "EROFS"])("fails exactly the records of the write: %s", async (code) => {
    const { log, fake } = await failing();
    await log.append(record(1));
    fake.failNext(code);
    const lost = await Promise.allSettled([log.append(record(2)), log.append(record(3))]);
    for (const outcome of lost) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { reason: "AUDIT_UNAVAILABLE" } });
    }
    await log.append(record(4));
    expect(parsed(fake.content()).map(({ seq, call }) => [seq, call])).toEqual([
      [0, 1],
      [3, 4],
    ]);
    expect(notices).toEqual([`unavailable ${code}`, "recovered"]);
    await log.close();
  });

  it("leaves a half line that the next record does not continue", async () => {
    const { log, fake } = await failing();
    await log.append(record(1));
    fake.failNext("ENOSPC", 10);
    await expect(log.append(record(2))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    fake.failNext("ENOSPC", 3);
    await expect(log.append(record(3))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await log.append(record(4));
    const [first, half, another, last] = fake.content().split("\n");
    expect(JSON.parse(first!)).toMatchObject({ call: 1 });
    expect([half, another]).toEqual(['{"time":"2', '{"']);
    expect(JSON.parse(last!)).toMatchObject({ call: 4 });
    await log.close();
  });

  it("that takes a few bytes at a time gets all of them", async () => {
    const fake = fakeFile({ automatic: true, bytesPerWrite: 7 });
    const log = await openAuditLog({ folder, openFile: fake.open });
    await Promise.all([log.append(record(1)), log.append(record(2))]);
    expect(parsed(fake.content()).map(({ call }) => call)).toEqual([1, 2]);
    await log.close();
  });

  it("that takes nothing fails the record instead of asking for ever", async () => {
    const fake = fakeFile({ automatic: true, bytesPerWrite: 0 });
    const log = await openAuditLog({ folder, openFile: fake.open, notice });
    await expect(log.append(record(1))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    expect(notices).toEqual(["unavailable EIO"]);
    await log.close();
  });

  it("says nothing of the system to callers", async () => {
    const { log, fake } = await failing();
    fake.failNext("ENOSPC");
    const error = await log.append(record(1)).catch((error: unknown) => error as Error);
    expect((error as Error).message).not.toMatch(/ENOSPC|audit\.jsonl|\//);
    await log.close();
  });
});

describe("a disk that blocks", () => {
  it("fails what waits after a bounded time, and everything until it answers", async () => {
    const fake = fakeFile();
    const log = await openAuditLog({ folder, openFile: fake.open, writeTimeoutMs: 20, notice });
    const first = log.append(record(1));
    await fake.writing(1);
    const second = log.append(record(2));
    await expect(first).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await expect(second).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await expect(log.append(record(3))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await expect(log.reopen()).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    fake.automate();
    await expect.poll(() => notices).toEqual(["unavailable timeout", "recovered"]);
    await log.append(record(4));
    expect(parsed(fake.content()).map(({ call }) => call)).toEqual([1, 4]);
    await log.close();
  });

  it("does not let the queue grow without bound", async () => {
    const fake = fakeFile();
    const log = await openAuditLog({ folder, openFile: fake.open, maxPending: 3 });
    const first = log.append(record(0));
    await fake.writing(1);
    const taken = [1, 2, 3].map((call) => log.append(record(call)));
    await expect(log.append(record(4))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    fake.automate();
    await Promise.all([first, ...taken]);
    expect(parsed(fake.content()).map(({ seq }) => seq)).toEqual([0, 1, 2, 3]);
    await log.close();
  });
});

describe("a file that goes away", () => {
  async function moving(change: () => void) {
    let now = 1_000_000;
    const log = await openAuditLog({ folder, clock: () => now, notice });
    await log.append(record(1));
    change();
    return { log, later: () => (now += 1_001) };
  }

  it("is made anew within a second of being removed", async () => {
    const { log, later } = await moving(() => rmSync(file()));
    later();
    await log.append(record(2));
    expect(lines().map(({ call }) => call)).toEqual([2]);
    expect(notices).toEqual(["reopened"]);
    await log.close();
  });

  it("is made anew with its folder", async () => {
    const { log, later } = await moving(() => rmSync(folder, { recursive: true }));
    later();
    await log.append(record(2));
    expect(lines().map(({ call }) => call)).toEqual([2]);
    await log.close();
  });

  it("is followed to its path when another takes its place", async () => {
    const { log, later } = await moving(() => {
      renameSync(file(), join(folder, "old"));
      writeFileSync(file(), "half", { mode: 0o600 });
    });
    later();
    await log.append(record(2));
    const [half, ours] = readFileSync(file(), "utf8").split("\n");
    expect(half).toBe("half");
    expect(JSON.parse(ours!)).toMatchObject({ call: 2 });
    expect(parsed(readFileSync(join(folder, "old"), "utf8")).map(({ call }) => call)).toEqual([1]);
    await log.close();
  });

  it("is looked for at once when the log is reopened", async () => {
    const { log } = await moving(() => renameSync(file(), join(folder, "old")));
    await log.reopen();
    await log.append(record(2));
    expect(lines().map(({ call }) => call)).toEqual([2]);
    expect(notices).toEqual(["reopened"]);
    await log.close();
  });

  it("fails records while nothing can take its place, and is found again afterwards", async () => {
    const { log, later } = await moving(() => {
      rmSync(folder, { recursive: true });
      writeFileSync(folder, "in the way");
    });
    later();
    await expect(log.append(record(2))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    rmSync(folder);
    await log.append(record(3));
    expect(lines().map(({ call }) => call)).toEqual([3]);
    expect(notices).toEqual(["unavailable EEXIST", "reopened", "recovered"]);
    await log.close();
  });

  it("is not asked for before a second is over", async () => {
    const { log } = await moving(() => renameSync(file(), join(folder, "old")));
    await log.append(record(2));
    expect(parsed(readFileSync(join(folder, "old"), "utf8")).map(({ call }) => call)).toEqual([1, 2]);
    await log.close();
  });
});

describe("closing", () => {
  it("writes what is pending, and refuses what comes later", async () => {
    const log = await openAuditLog({ folder });
    const pending = log.append(record(1));
    await log.close();
    await pending;
    expect(lines()).toHaveLength(1);
    await expect(log.append(record(2))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await log.close();
  });

  it("does not wait for a blocked disk without bound", async () => {
    const fake = fakeFile();
    const log = await openAuditLog({ folder, openFile: fake.open, writeTimeoutMs: 20 });
    const pending = log.append(record(1));
    await Promise.all([log.close(), expect(pending).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" })]);
  });
});

describe("a line", () => {
  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom("\n", "\r", '"', "\\", "\u0000", "\u001b", "\u2028", "\u202e", "\u0085", "\ud800", ","),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
    maxLength: 40,
  });

  test.prop([hostile, hostile, hostile, fc.dictionary(hostile, hostile, { maxKeys: 3 })])(
    "is one line of JSON that says what it was given, whatever that is",
    (listener, identity, key, context) => {
      const given: AuditRecord = { event: "result", call: 3, listener, identity, operation: "wrap", key, context };
      const line = lineOf(given, lineStart(new Date(0), "p"), 5);
      expect(line.endsWith("}\n")).toBe(true);
      // eslint-disable-next-line no-control-regex -- control characters are what must not be there
      expect(line.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/);
      expect(JSON.parse(line)).toEqual({ time: "1970-01-01T00:00:00.000Z", process: "p", seq: 5, ...given });
    },
  );

  it("of a usual call has at most 300 bytes", () => {
    const usual: AuditRecord = {
      event: "result",
      call: 123_456_789,
      listener: "backup-sock",
      identity: "backup",
      operation: "unwrap",
      key: "backups/eu/postgres-main",
      envelope: "0123456789abcdef0123456789abcdef",
      outcome: "done",
    };
    expect(lineOf(usual, lineStart(new Date(), "0123456789abcdef"), 123_456_789).length).toBeLessThanOrEqual(300);
  });
});
