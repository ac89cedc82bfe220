// What happens to the audit log when the disk is full, and when somebody is denied more often than can be recorded.

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditRecord } from "../../../src/audit/index.ts";
import { openAuditLog } from "../../../src/audit/index.ts";
import { fakePart } from "./fake-part.ts";
import { parts, verified } from "./verified.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pressure-"));
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const call = (number: number, more: Partial<AuditRecord> = {}): AuditRecord => {
  return {
    event: "result",
    call: number,
    listener: "sock",
    identity: "restore",
    operation: "unwrap",
    outcome: "done",
    ...more,
  };
};
const refused = { reason: "AUDIT_UNAVAILABLE" };
const mebibyte = 1_048_576;

describe("a full disk", () => {
  it("takes the records of granted calls from its reserve, and everybody's once there is room", async () => {
    const fake = fakePart({ automatic: true });
    const notices: string[] = [];
    const log = await openAuditLog({
      folder,
      openPart: fake.open,
      reserveBytes: 2 * mebibyte,
      notice: ({ event }) => event === "checkpoint" || notices.push(event),
    });
    const reserve = join(folder, "reserve");
    await vi.waitFor(() => expect(statSync(reserve).size).toBe(2 * mebibyte));
    expect(statSync(reserve)).toMatchObject({
      size: 2 * mebibyte,
      blocks: expect.toSatisfy((blocks: number) => blocks >= 4_096) as number,
    });
    fake.failNext("ENOSPC");
    await expect(log.append(call(1))).rejects.toMatchObject(refused);
    expect(statSync(reserve).size).toBe(mebibyte);
    await expect(log.append(call(2))).rejects.toMatchObject(refused);
    await log.append(call(3, { grant: "g1" }));
    expect(notices).toEqual(["unavailable"]);
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(statSync(reserve).size).toBe(2 * mebibyte));
    await vi.waitFor(() => log.append(call(4)));
    expect(notices).toEqual(["unavailable", "recovered"]);
    const calls = fake
      .content()
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as AuditRecord).call);
    expect(calls).toEqual([undefined, 3, 4]);
    await log.close();
  });

  it("refuses everybody while it lasts, where there is no reserve", async () => {
    const fake = fakePart({ automatic: true });
    const log = await openAuditLog({ folder, openPart: fake.open });
    fake.failNext("ENOSPC");
    await expect(log.append(call(1, { grant: "g1" }))).rejects.toMatchObject(refused);
    await log.append(call(2));
    await log.close();
  });
});

describe("denials", () => {
  it("beyond the rate are one record of each identity and second, and nothing else is", async () => {
    const log = await openAuditLog({ folder, denialsPerSecond: 2 });
    const denied = (number: number, identity = "restore") => log.append(call(number, { identity, outcome: "DENIED" }));
    await Promise.all([1, 2, 3, 4, 5].map((number) => denied(number)));
    await Promise.all([denied(6, "other"), log.append(call(7)), log.append(call(8, { outcome: "ENVELOPE_REFUSED" }))]);
    vi.advanceTimersByTime(1_000);
    await log.append(call(9, { outcome: "DENIED" }));
    await log.close();
    const [path] = parts(folder);
    const records = readFileSync(path!, "utf8")
      .split("\n")
      .slice(1, -1)
      .map((line) => JSON.parse(line) as AuditRecord);
    expect(records.map(({ event, call, identity, details }) => [event, call ?? details, identity])).toEqual([
      ["result", 1, "restore"],
      ["result", 2, "restore"],
      ["result", 6, "other"],
      ["result", 7, "restore"],
      ["result", 8, "restore"],
      ["denials", { count: 3 }, "restore"],
      ["result", 9, "restore"],
    ]);
    expect((await verified(folder)).problems).toEqual([]);
  });

  it("that were counted are recorded before the log is closed", async () => {
    const log = await openAuditLog({ folder, denialsPerSecond: 0 });
    await log.append(call(1, { outcome: "QUOTA" }));
    await log.close();
    expect(readFileSync(parts(folder)[0]!, "utf8")).toMatch(
      /"event":"denials".*"outcome":"QUOTA","details":\{"count":1\}/,
    );
  });
});
