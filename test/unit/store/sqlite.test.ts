import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "../../../src/store/index.ts";
import type { Stop, Store } from "../../../src/store/index.ts";

const hourMs = 3_600_000;
const stop: Stop = { reason: "stolen laptop", by: "admin", atMs: 5 };
let folder: string;
let file: string;
let nowMs: number;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-store-"));
  file = join(folder, "store.db");
  nowMs = 0;
  store = openStore(file, () => nowMs);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const unavailable = { reason: "STORE_UNAVAILABLE" };

describe("a counter", () => {
  test("gives what is left of its window, and no more", async () => {
    expect(await store.lease("a", hourMs, 1, 6, 10)).toEqual({ got: 6, taken: 6, window: 1 });
    expect(await store.lease("a", hourMs, 1, 6, 10)).toEqual({ got: 4, taken: 10, window: 1 });
    expect(await store.lease("a", hourMs, 1, 6, 10)).toEqual({ got: 0, taken: 10, window: 1 });
    expect(await store.lease("b", hourMs, 1, 1, 10)).toEqual({ got: 1, taken: 1, window: 1 });
  });

  test("begins anew with a later window, and goes on in the highest when an earlier is asked for", async () => {
    await store.lease("a", hourMs, 5, 10, 10);
    expect(await store.lease("a", hourMs, 6, 7, 10)).toEqual({ got: 7, taken: 7, window: 6 });
    expect(await store.lease("a", hourMs, 5, 7, 10)).toEqual({ got: 3, taken: 10, window: 6 });
  });

  test("takes back what was not used, in its own window alone and never below nothing", async () => {
    await store.lease("a", hourMs, 5, 10, 10);
    expect(await store.lease("a", hourMs, 5, -4, 10)).toEqual({ got: -4, taken: 6, window: 5 });
    expect(await store.lease("a", hourMs, 5, -40, 10)).toEqual({ got: -6, taken: 0, window: 5 });
    await store.lease("a", hourMs, 6, 10, 10);
    expect(await store.lease("a", hourMs, 5, -4, 10)).toEqual({ got: 0, taken: 10, window: 6 });
  });

  test("takes a limit that was lowered for spent", async () => {
    await store.lease("a", hourMs, 5, 10, 10);
    expect(await store.lease("a", hourMs, 5, 1, 4)).toEqual({ got: 0, taken: 10, window: 5 });
  });

  test("is there after the file was opened again", async () => {
    await store.lease("a", hourMs, 5, 10, 10);
    await store.close();
    store = openStore(file);
    expect(await store.lease("a", hourMs, 5, 1, 10)).toMatchObject({ got: 0 });
  });
});

describe("a set", () => {
  test("holds distinct members up to its limit; those it holds are within for ever", async () => {
    expect(await store.addDistinct("s", hourMs, 1, "x", 2)).toEqual({ within: true, held: 1, window: 1 });
    expect(await store.addDistinct("s", hourMs, 1, "x", 2)).toEqual({ within: true, held: 1, window: 1 });
    expect(await store.addDistinct("s", hourMs, 1, "y", 2)).toEqual({ within: true, held: 2, window: 1 });
    expect(await store.addDistinct("s", hourMs, 1, "z", 2)).toEqual({ within: false, held: 2, window: 1 });
    expect(await store.addDistinct("s", hourMs, 1, "y", 2)).toEqual({ within: true, held: 2, window: 1 });
  });

  test("is empty in a later window, and the same when an earlier one is asked for", async () => {
    await store.addDistinct("s", hourMs, 5, "x", 2);
    expect(await store.addDistinct("s", hourMs, 6, "y", 2)).toEqual({ within: true, held: 1, window: 6 });
    expect(await store.addDistinct("s", hourMs, 5, "x", 2)).toEqual({ within: true, held: 2, window: 6 });
    expect(await store.addDistinct("s", hourMs, 5, "z", 2)).toEqual({ within: false, held: 2, window: 6 });
  });
});

describe("stops", () => {
  test("are one list with an epoch that every change raises", async () => {
    expect(await store.stops()).toEqual({ epoch: 0, all: undefined, keys: new Map() });
    await store.setStop({ key: "db", stop });
    await store.setStop({ key: undefined, stop });
    expect(await store.setStop({ key: "db", stop: undefined })).toEqual({ epoch: 3, all: stop, keys: new Map() });
    await store.close();
    store = openStore(file);
    expect(await store.stops()).toEqual({ epoch: 3, all: stop, keys: new Map() });
  });

  test("of a newer list are taken over, those of an older one are not", async () => {
    await store.setStop({ key: "db", stop });
    const newer = { epoch: 7, all: undefined, keys: new Map([["mail", stop]]) };
    expect(await store.adoptStops(newer)).toEqual(newer);
    expect(await store.adoptStops({ epoch: 6, all: stop, keys: new Map() })).toEqual(newer);
    expect(await store.stops()).toEqual(newer);
  });

  test("of another list with the same epoch are joined with its own", async () => {
    await store.setStop({ key: "db", stop });
    const joined = await store.adoptStops({ epoch: 1, all: undefined, keys: new Map([["mail", stop]]) });
    expect(joined.epoch).toBe(2);
    expect([...joined.keys.keys()].sort()).toEqual(["db", "mail"]);
  });
});

describe("grants", () => {
  test("count distinct envelopes, so that a retry is free", async () => {
    await store.saveGrant({ id: "g", document: "signed", untilMs: 9 });
    expect(await store.useGrant("g", "x", 2, 9)).toBe("new");
    expect(await store.useGrant("g", "x", 2, 9)).toBe("again");
    expect(await store.useGrant("g", "y", 2, 9)).toBe("new");
    expect(await store.useGrant("g", "z", 2, 9)).toBe("spent");
    expect(await store.useGrant("g", "x", 2, 9)).toBe("again");
    expect(await store.grants(0)).toEqual([
      { id: "g", document: "signed", untilMs: 9, uses: 2, revokedAtMs: undefined },
    ]);
  });

  test("that are revoked open nothing more, also those that come to be known later", async () => {
    expect(await store.revokeGrant("g", 4, 9)).toBe(true);
    expect(await store.revokeGrant("g", 5, 9)).toBe(false);
    await store.saveGrant({ id: "g", document: "signed", untilMs: 9 });
    expect(await store.useGrant("g", "x", 2, 9)).toBe("revoked");
    expect(await store.grants(0)).toMatchObject([{ id: "g", document: "signed", revokedAtMs: 4 }]);
  });

  test("are forgotten a month after their end", async () => {
    await store.saveGrant({ id: "g", document: "signed", untilMs: 9 });
    await store.useGrant("g", "x", 2, 9);
    expect(await store.grants(30 * 86_400_000)).toHaveLength(1);
    expect(await store.grants(30 * 86_400_000 + 10)).toEqual([]);
    expect(await store.useGrant("g", "x", 2, 9)).toBe("new");
  });
});

describe("the file", () => {
  test("is for its owner alone", async () => {
    await store.lease("a", hourMs, 1, 1, 1);
    for (const name of ["store.db", "store.db-wal"]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test("that cannot be opened is STORE_UNAVAILABLE, until it can", async () => {
    chmodSync(folder, 0o500);
    mkdirSync(join(folder, "..", "kb-none"), { recursive: true });
    await store.close();
    store = openStore(join(folder, "none", "store.db"), () => nowMs);
    chmodSync(folder, 0o700);
    await expect(store.stops()).rejects.toMatchObject(unavailable);
    mkdirSync(join(folder, "none"));
    nowMs += 100;
    await expect(store.stops()).rejects.toMatchObject(unavailable);
    nowMs += 1_000;
    expect(await store.stops()).toMatchObject({ epoch: 0 });
  });

  test("that is no database is left as it is", async () => {
    writeFileSync(file, "not a database, though it is long enough to be one".repeat(40));
    await expect(store.stops()).rejects.toMatchObject(unavailable);
    expect(statSync(file).size).toBe(50 * 40);
  });

  test("of a later version is left alone", async () => {
    await store.stops();
    await store.close();
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 99");
    database.close();
    store = openStore(file);
    await expect(store.stops()).rejects.toMatchObject(unavailable);
  });

  test("that another process holds for long is STORE_UNAVAILABLE, and not waited for again at once", async () => {
    await store.lease("a", hourMs, 1, 1, 9);
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    const before = performance.now();
    await expect(store.lease("a", hourMs, 1, 1, 9)).rejects.toMatchObject(unavailable);
    expect(performance.now() - before).toBeLessThan(1_000);
    const again = performance.now();
    await expect(store.lease("a", hourMs, 1, 1, 9)).rejects.toMatchObject(unavailable);
    expect(performance.now() - again).toBeLessThan(50);
    other.exec("ROLLBACK");
    other.close();
    nowMs += 1_000;
    expect(await store.lease("a", hourMs, 1, 1, 9)).toMatchObject({ taken: 2 });
  });

  test("that was replaced by another is opened anew", async () => {
    await store.setStop({ key: "db", stop });
    const older = join(folder, "older.db");
    const other = openStore(older);
    await other.setStop({ key: "old", stop });
    await other.close();
    copyFileSync(older, join(folder, "restored.db"));
    renameSync(join(folder, "restored.db"), file);
    expect((await store.stops()).keys.has("old")).toBe(true);
  });

  test("that was removed is made anew, empty", async () => {
    await store.setStop({ key: "db", stop });
    rmSync(file);
    expect(await store.stops()).toMatchObject({ epoch: 0 });
    expect(await store.setStop({ key: "mail", stop })).toMatchObject({ epoch: 1 });
  });

  test("once closed is closed", async () => {
    await store.close();
    await expect(store.stops()).rejects.toMatchObject(unavailable);
  });
});
