import { generateKeyPairSync } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditNotice, AuditRecord, FileAuditLog } from "../../../src/audit/index.ts";
import { openAuditLog } from "../../../src/audit/index.ts";
import { Chain, encode, origin } from "../../../src/audit/chain.ts";
import { bodyOf, bodyStart } from "../../../src/audit/line.ts";
import { leafHash } from "../../../src/audit/tree.ts";
import { fakePart } from "./fake-part.ts";
import { parts, verified } from "./verified.ts";

let root: string;
let folder: string;
let notices: string[];
const notice = ({ event, code }: AuditNotice) => {
  if (event !== "checkpoint") notices.push(code === undefined ? event : `${event} ${code}`);
};
const file = () => parts(folder).at(-1)!;
const record = (call: number): AuditRecord => ({ event: "result", call, operation: "wrap", outcome: "done" });

interface Line {
  readonly time: string;
  readonly log: string;
  readonly event: string;
  readonly seq: number;
  readonly call: number;
}
const parsed = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
    .filter(({ event }) => event === "result");
/** The records of calls in the last part. */
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
    const [opened, first, second] = readFileSync(file(), "utf8").split("\n");
    const head = (line: string | undefined, seq: number) =>
      `{"log":"${log.log}","seq":${seq},"prev":"${line === undefined ? origin(log.log) : leafHash(line)}",` +
      `"time":"2026-01-02T03:04:05.006Z",`;
    expect(
      opened!.startsWith(`${head(undefined, 0)}"event":"log-opened","details":{"format":1,"realm":"default"`),
    ).toBe(true);
    expect([first, second]).toEqual([
      `${head(opened, 1)}"event":"result","call":7,"listener":"sock",` +
        `"identity":"backup","operation":"unwrap","key":"backups/db","envelope":"00ff","context":{"host":"db1"},"outcome":"DENIED"}`,
      `${head(first, 2)}"event":"configuration","details":{"digest":"ab","rulesAdded":["a may wrap: b"]}}`,
    ]);
    await log.close();
    expect(await verified(folder)).toMatchObject({ problems: [], logs: [{ from: 0, to: 3, checked: 3 }] });
  });

  it("is another for each process, which names those before it", async () => {
    for (let start = 0; start < 3; start++) {
      const log = await openAuditLog({ folder, clock: () => Date.UTC(2026, 0, 2, 3, 4, start) });
      await Promise.all([log.append(record(1)), log.append(record(2))]);
      await log.close();
    }
    expect(parts(folder)).toHaveLength(3);
    expect(await verified(folder)).toMatchObject({ problems: [], logs: [{ to: 3 }, { to: 3 }, { to: 3 }] });
    rmSync(parts(folder)[1]!);
    const { problems } = await verified(folder);
    expect(problems.map(({ what }) => what)).toEqual([expect.stringMatching(/the log is missing/)]);
  });

  it("of a process that died within a line is told by the next", async () => {
    const log = await openAuditLog({ folder, clock: () => Date.UTC(2026, 0, 2) });
    await log.append(record(1));
    await log.close();
    appendFileSync(file(), '{"log":"half');
    const next = await openAuditLog({ folder, clock: () => Date.UTC(2026, 0, 3) });
    await next.close();
    expect(readFileSync(file(), "utf8")).toMatch(new RegExp(`"heads":\\["${log.log} 2 [\\w-]{43} 12"\\]`));
    expect(await verified(folder)).toMatchObject({
      problems: [],
      logs: [
        { to: 2, torn: 12 },
        { to: 1, torn: 0 },
      ],
    });
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

  it("a folder within a file's place", async () => {
    writeFileSync(folder, "");
    await expect(opened()).rejects.toMatchObject(refusal(/EEXIST|ENOTDIR/));
  });

  it("a signing key that others may read, that is no Ed25519 key, or whose public half is another's", async () => {
    mkdirSync(folder, { mode: 0o700 });
    const key = join(folder, "checkpoint-key.pem");
    writeFileSync(key, "no key", { mode: 0o600 });
    await expect(opened()).rejects.toMatchObject(refusal(/key that signs the audit log cannot be used/));
    writeFileSync(key, generateKeyPairSync("x25519").privateKey.export({ format: "pem", type: "pkcs8" }));
    await expect(opened()).rejects.toMatchObject(refusal(/holds no Ed25519 key/));
    chmodSync(key, 0o640);
    await expect(opened()).rejects.toMatchObject(refusal(/may be read by others: chmod 600/));
    rmSync(key);
    writeFileSync(`${key}.pub`, "another's");
    await expect(opened()).rejects.toMatchObject(refusal(/the key of another signer/));
  });
});

describe("records of one turn", () => {
  it("share one write, and so do those that come while it is under way", async () => {
    const fake = fakePart();
    const log = await openAuditLog({ folder, openPart: fake.open });
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
    expect(lines().map(({ seq }) => seq - 1)).toEqual(expected);
    expect(lines().map(({ call }) => call)).toEqual(expected);
    expect((await verified(folder)).problems).toEqual([]);
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
  async function failing(): Promise<{ log: FileAuditLog; fake: ReturnType<typeof fakePart> }> {
    const fake = fakePart({ automatic: true });
    return { fake, log: await openAuditLog({ folder, openPart: fake.open, notice }) };
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
      [1, 1],
      [2, 4],
    ]);
    expect(notices).toEqual([`unavailable ${code}`, "recovered"]);
    await log.close();
  });

  it("leaves no half line: the file is cut back, and a record says so", async () => {
    const { log, fake } = await failing();
    await log.append(record(1));
    fake.failNext("ENOSPC", 10);
    await expect(log.append(record(2))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    fake.failNext("ENOSPC", 3);
    await expect(log.append(record(3))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await log.append(record(4));
    const [, first, repaired, last] = fake.content().split("\n");
    expect(JSON.parse(first!)).toMatchObject({ seq: 1, call: 1 });
    expect(JSON.parse(repaired!)).toMatchObject({ seq: 2, event: "repaired", details: { part: 1, bytes: 3 } });
    expect(JSON.parse(last!)).toMatchObject({ seq: 3, call: 4 });
    await log.close();
  });

  it("that does not sync fails the records too, where they are to be on it", async () => {
    const fake = fakePart({ automatic: true });
    const log = await openAuditLog({ folder, openPart: fake.open, durability: "fsync", notice });
    await log.append(record(1));
    expect(fake.syncs()).toBe(2);
    fake.failSync("EIO");
    await expect(log.append(record(2))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    await log.append(record(3));
    expect(parsed(fake.content()).map(({ seq, call }) => [seq, call])).toEqual([
      [1, 1],
      [3, 3],
    ]);
    await log.close();
  });

  it("that takes a few bytes at a time gets all of them", async () => {
    const fake = fakePart({ automatic: true, bytesPerWrite: 7 });
    const log = await openAuditLog({ folder, openPart: fake.open });
    await Promise.all([log.append(record(1)), log.append(record(2))]);
    expect(parsed(fake.content()).map(({ call }) => call)).toEqual([1, 2]);
    await log.close();
  });

  it("that takes nothing fails the record instead of asking for ever", async () => {
    const fake = fakePart({ automatic: true, bytesPerWrite: 0 });
    const log = await openAuditLog({ folder, openPart: fake.open, notice });
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
    const fake = fakePart();
    const log = await openAuditLog({ folder, openPart: fake.open, writeTimeoutMs: 20, notice });
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
    const fake = fakePart();
    const log = await openAuditLog({ folder, openPart: fake.open, maxPending: 3 });
    const first = log.append(record(0));
    await fake.writing(1);
    const taken = [1, 2, 3].map((call) => log.append(record(call)));
    await expect(log.append(record(4))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    fake.automate();
    await Promise.all([first, ...taken]);
    expect(parsed(fake.content()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
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

  it("has a successor within a second of being removed, which the verifier misses nothing of", async () => {
    const { log, later } = await moving(() => rmSync(file()));
    later();
    await log.append(record(2));
    expect(lines().map(({ call }) => call)).toEqual([2]);
    expect(notices).toEqual(["reopened"]);
    await log.close();
    const { problems } = await verified(folder);
    expect(problems.map(({ what }) => what)).toEqual([expect.stringMatching(/part 1 is missing/)]);
  });

  it("is made anew with its folder", async () => {
    const { log, later } = await moving(() => rmSync(folder, { recursive: true }));
    later();
    await log.append(record(2));
    expect(lines().map(({ call }) => call)).toEqual([2]);
    await log.close();
  });

  it("is left alone when another took its place", async () => {
    const { log, later } = await moving(() => {
      const path = file();
      renameSync(path, `${path}.old`);
      writeFileSync(path, "half", { mode: 0o600 });
    });
    later();
    await log.append(record(2));
    expect(parts(folder)).toHaveLength(2);
    expect(readFileSync(parts(folder)[0]!, "utf8")).toBe("half");
    expect(lines().map(({ call }) => call)).toEqual([2]);
    await log.close();
    expect((await verified(folder)).problems).not.toEqual([]);
  });

  it("is looked for at once when the log is reopened", async () => {
    const { log } = await moving(() => renameSync(file(), join(folder, "old")));
    await log.reopen();
    await log.append(record(2));
    expect(lines().map(({ call }) => call)).toEqual([2]);
    expect(notices).toEqual(["reopened"]);
    await log.close();
  });

  it("fails records while nothing can take its place, and has a successor afterwards", async () => {
    const { log, later } = await moving(() => {
      rmSync(folder, { recursive: true });
      writeFileSync(folder, "in the way");
    });
    later();
    await expect(log.append(record(2))).rejects.toMatchObject({ reason: "AUDIT_UNAVAILABLE" });
    rmSync(folder);
    await log.append(record(3));
    expect(lines().map(({ call }) => call)).toEqual([3]);
    expect(notices).toEqual(["reopened", "unavailable EEXIST", "recovered"]);
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
    const fake = fakePart();
    const log = await openAuditLog({ folder, openPart: fake.open, writeTimeoutMs: 20 });
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
      const body = bodyOf(given, bodyStart(new Date(0)));
      // eslint-disable-next-line no-control-regex -- control characters are what must not be there
      expect(body).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/);
      expect(JSON.parse(`{${body}`)).toEqual({ time: "1970-01-01T00:00:00.000Z", ...given });
    },
  );

  it("of a usual call has at most 360 bytes", () => {
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
    const linked = new Chain("0".repeat(32)).link([bodyOf(usual, bodyStart(new Date()))]);
    const [line] = encode(linked, Buffer.alloc(0)).toString().split("\n");
    expect(line!.length).toBeLessThanOrEqual(360);
  });
});
