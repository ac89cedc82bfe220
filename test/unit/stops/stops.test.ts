import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import { openStops } from "../../../src/stops/index.ts";
import type { StoppableKey, Stops, StopsNotice } from "../../../src/stops/index.ts";
import { openStore } from "../../../src/store/index.ts";
import type { Stop, Store } from "../../../src/store/index.ts";
import { until } from "../../backends/until.ts";

const stop: Stop = { reason: "stolen credential", by: "oncall", atMs: Date.UTC(2026, 10, 21) };
const db: StoppableKey = { name: "backups/db", formerNames: ["db-old"], onStoreLoss: "allow" };
const mail: StoppableKey = { name: "backups/mail", formerNames: [], onStoreLoss: "allow" };
const strict: StoppableKey = { name: "ledger", formerNames: [], onStoreLoss: "refuse" };
const stopped = expect.objectContaining({ reason: "KEY_STOPPED" }) as Error;
const unavailable = expect.objectContaining({ reason: "STORE_UNAVAILABLE" }) as Error;

let folder: string;
let mirror: string;
let away: boolean;
let store: Store;
const opened: { close(): unknown }[] = [];
const notices: StopsNotice[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kb-stops-"));
  mirror = join(folder, "stops.json");
  away = false;
  store = losable();
  notices.length = 0;
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
  rmSync(folder, { recursive: true });
});

/** The store of this folder, which a test may take away. */
function losable(name = "store.db"): Store {
  const inner = openStore(join(folder, name));
  opened.push(inner);
  const lose = () => Promise.reject(new BrokerError("STORE_UNAVAILABLE", "it is away"));
  return {
    ...inner,
    stops: () => (away ? lose() : inner.stops()),
    setStop: (change) => (away ? lose() : inner.setStop(change)),
    adoptStops: (list) => (away ? lose() : inner.adoptStops(list)),
  };
}

/** Stops that look again when `look` is called, and not by a clock. */
async function open(options: { store?: Store | undefined; mirror?: string } = { store }) {
  let look!: () => void;
  const every = (work: () => void) => {
    look = work;
    return () => undefined;
  };
  const notice = (one: StopsNotice) => void notices.push(one);
  const stops = await openStops({ store: undefined, mirror, notice, every, ...options });
  opened.push(stops);
  return { stops, look: () => look() };
}

/** Looks until it holds. */
async function looked(look: () => void, holds: () => boolean): Promise<void> {
  await until("the look", () => {
    look();
    return Promise.resolve(holds() || undefined);
  });
}

const isStopped = (stops: Stops, key: StoppableKey) => {
  try {
    stops.refuse(key);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ reason: "KEY_STOPPED" });
    return true;
  }
};

describe("a stop", () => {
  test("of one key refuses that key alone, under its former names too, and says how it is lifted", async () => {
    const { stops } = await open();
    await stops.set({ key: "db-old", stop });
    expect(() => stops.refuse(db)).toThrow(stopped);
    expect(() => stops.refuse(db)).toThrow(
      "key backups/db is stopped since 2026-11-21T00:00:00.000Z: stolen credential (an administrator may keybroker resume --key backups/db)",
    );
    stops.refuse(mail);
    await stops.set({ key: "db-old", stop: undefined });
    stops.refuse(db);
  });

  test("of all keys refuses every key until it is lifted, and leaves the others in force then", async () => {
    const { stops } = await open();
    await stops.set({ key: "backups/db", stop });
    await stops.set({ key: undefined, stop });
    expect(() => stops.refuse(mail)).toThrow(stopped);
    await stops.set({ key: undefined, stop: undefined });
    stops.refuse(mail);
    expect(() => stops.refuse(db)).toThrow(stopped);
  });

  test("is in force before anything has kept it", async () => {
    const { stops } = await open();
    const setting = stops.set({ key: "backups/db", stop });
    expect(() => stops.refuse(db)).toThrow(stopped);
    expect(await setting).toMatchObject({ shared: true, list: { epoch: 1 } });
  });

  test("tells whoever must forget keys, once for each stop", async () => {
    const { stops, look } = await open();
    const heard: (string | undefined)[] = [];
    const end = stops.onStop((key) => void heard.push(key));
    await stops.set({ key: "backups/db", stop });
    await stops.set({ key: "backups/db", stop });
    await stops.set({ key: undefined, stop });
    look();
    end();
    await stops.set({ key: "backups/mail", stop });
    expect(heard).toEqual(["backups/db", undefined]);
    expect(notices.map(({ event, keys }) => [event, keys])).toEqual([
      ["stopped", ["backups/db"]],
      ["stopped", ["all"]],
      ["stopped", ["backups/mail"]],
    ]);
  });

  test("survives a restart, and one without the store or without the file", async () => {
    const { stops } = await open();
    await stops.set({ key: "backups/db", stop });
    stops.close();
    expect(isStopped((await open()).stops, db)).toBe(true);
    away = true;
    expect(isStopped((await open()).stops, db)).toBe(true);
    away = false;
    rmSync(mirror);
    expect(isStopped((await open()).stops, db)).toBe(true);
    expect(statSync(mirror).mode & 0o777).toBe(0o600);
  });

  test("comes to another process by the store, and goes again", async () => {
    const here = await open();
    const there = await open({ store: losable(), mirror: join(folder, "other.json") });
    await here.stops.set({ key: "backups/db", stop });
    await looked(there.look, () => isStopped(there.stops, db));
    expect(JSON.parse(readFileSync(join(folder, "other.json"), "utf8"))).toMatchObject({ epoch: 1 });
    await there.stops.set({ key: "backups/db", stop: undefined });
    await looked(here.look, () => !isStopped(here.stops, db));
  });

  test("comes to another process by the file alone, where there is no store", async () => {
    const here = await open({});
    const there = await open({});
    expect(await here.stops.set({ key: "backups/db", stop })).toMatchObject({ shared: true });
    await looked(there.look, () => isStopped(there.stops, db));
  });
});

describe("an older store that was restored", () => {
  test("does not undo a stop that the file knows, nor bring back one that was lifted", async () => {
    const first = await open();
    await first.stops.set({ key: "backups/mail", stop });
    first.stops.close();
    for (const one of opened.splice(0)) await one.close();
    copyFileSync(join(folder, "store.db"), join(folder, "backup.db"));
    store = losable();
    const second = await open();
    await second.stops.set({ key: "backups/db", stop });
    await second.stops.set({ key: "backups/mail", stop: undefined });
    second.stops.close();
    for (const one of opened.splice(0)) await one.close();
    renameSync(join(folder, "backup.db"), join(folder, "store.db"));
    store = losable();
    const third = await open();
    expect([isStopped(third.stops, db), isStopped(third.stops, mail)]).toEqual([true, false]);
    expect(await store.stops()).toMatchObject({ epoch: 3 });
  });

  test("beneath a running process takes its list over", async () => {
    const { stops, look } = await open();
    await stops.set({ key: "backups/db", stop });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder, `store.db${suffix}`));
    look();
    const fresh = losable();
    await until("the list", async () => ((await fresh.stops()).epoch === 1 ? true : undefined));
    expect(isStopped(stops, db)).toBe(true);
  });
});

describe("with the store away", () => {
  test("known stops hold, other keys open, and those that need the store do not", async () => {
    const { stops, look } = await open();
    await stops.set({ key: "backups/db", stop });
    stops.refuse(strict);
    away = true;
    await looked(look, () => !stops.known());
    expect(() => stops.refuse(db)).toThrow(stopped);
    stops.refuse(mail);
    expect(() => stops.refuse(strict)).toThrow(unavailable);
    away = false;
    await looked(look, () => stops.known());
    stops.refuse(strict);
    expect(notices.map(({ event }) => event)).toEqual(["stopped", "store-lost", "store-found"]);
  });

  test("a stop is in force, kept in the file, and told to the others once the store is back", async () => {
    const { stops, look } = await open();
    away = true;
    expect(await stops.set({ key: "backups/db", stop })).toMatchObject({ shared: false });
    expect(isStopped(stops, db)).toBe(true);
    away = false;
    const there = await open({ store: losable(), mirror: join(folder, "other.json") });
    expect(isStopped(there.stops, db)).toBe(false);
    look();
    await looked(there.look, () => isStopped(there.stops, db));
  });

  test("stops that two processes made apart from each other are all in force afterwards", async () => {
    const here = await open();
    const there = await open({ store: losable(), mirror: join(folder, "other.json") });
    away = true;
    await here.stops.set({ key: "backups/db", stop });
    await there.stops.set({ key: "backups/mail", stop });
    away = false;
    const both = () => [here, there].every(({ stops }) => isStopped(stops, db) && isStopped(stops, mail));
    await looked(() => void (here.look(), there.look()), both);
  });

  test("and no file to keep it in, a stop is in force and told to be unkept; nothing is resumed", async () => {
    const { stops } = await open({ store, mirror: join(folder, "none", "stops.json") });
    await stops.set({ key: "backups/mail", stop });
    away = true;
    await expect(stops.set({ key: "backups/db", stop })).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE" });
    expect(isStopped(stops, db)).toBe(true);
    await expect(stops.set({ key: "backups/mail", stop: undefined })).rejects.toMatchObject({
      reason: "STORE_UNAVAILABLE",
    });
    expect(isStopped(stops, mail)).toBe(true);
    expect(notices.filter(({ event }) => event === "mirror-failed")).toHaveLength(1);
  });
});

describe("a file that is no list of stops", () => {
  test("is told of, written anew from the store, and left alone without it", async () => {
    writeFileSync(mirror, "{");
    away = true;
    const { stops, look } = await open();
    expect(notices.map(({ event }) => event)).toEqual(["mirror-failed", "store-lost"]);
    expect(readFileSync(mirror, "utf8")).toBe("{");
    expect(() => stops.refuse(strict)).toThrow(unavailable);
    away = false;
    await looked(look, () => readFileSync(mirror, "utf8").startsWith('{"epoch":0'));
  });
});
