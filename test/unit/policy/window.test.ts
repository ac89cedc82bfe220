import { describe, expect, it } from "vitest";
import { fc, test } from "@fast-check/vitest";
import { windowText, type Day, type TimeWindow } from "../../../src/config/index.ts";
import { createPolicy } from "../../../src/policy/index.ts";
import { ruleOf } from "./rules.ts";

const days: readonly Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
const windowOf = (from: string, to: string, timezone: string, on = days): TimeWindow => ({
  days: on,
  fromMinute: minutes(from),
  toMinute: minutes(to),
  timezone,
});

function isOpen(during: TimeWindow, at: string | number): boolean {
  const policy = createPolicy([ruleOf({ who: ["a"], may: ["unwrap"], keys: ["*"], during })]);
  const nowMs = typeof at === "string" ? Date.parse(at) : at;
  return policy.decide({ identity: { name: "a" }, permission: "unwrap", key: "k", nowMs }).allowed;
}

describe("a window", () => {
  it.each([
    ["2026-11-23T06:59:59.999Z", false],
    ["2026-11-23T07:00:00Z", true],
    ["2026-11-23T16:59:59.999Z", true],
    ["2026-11-23T17:00:00Z", false],
    ["2026-11-22T12:00:00Z", false],
  ])("holds from its first to before its last minute, on its days: %s %s", (at, open) => {
    expect(isOpen(windowOf("08:00", "18:00", "Europe/Berlin", ["mon", "tue", "wed", "thu", "fri"]), at)).toBe(open);
  });

  it.each([
    ["2026-11-20T22:30:00Z", true],
    ["2026-11-21T05:59:00Z", true],
    ["2026-11-21T06:00:00Z", false],
    ["2026-11-21T22:30:00Z", false],
    ["2026-11-20T05:00:00Z", false],
    ["2026-11-20T21:59:00Z", false],
  ])("over midnight belongs to the day on which it begins: %s %s", (at, open) => {
    expect(isOpen(windowOf("22:00", "06:00", "UTC", ["fri"]), at)).toBe(open);
  });

  it("of whole days begins and ends at the zone's midnight", () => {
    const sunday = windowOf("00:00", "24:00", "Pacific/Auckland", ["sun"]);
    expect(isOpen(sunday, "2026-11-21T10:59:00Z")).toBe(false);
    expect(isOpen(sunday, "2026-11-21T11:00:00Z")).toBe(true);
    expect(isOpen(sunday, "2026-11-22T10:59:00Z")).toBe(true);
    expect(isOpen(sunday, "2026-11-22T11:00:00Z")).toBe(false);
  });

  it("reads zones whose offset is no whole hour", () => {
    expect(isOpen(windowOf("12:00", "12:15", "Asia/Kathmandu"), "2026-11-21T06:15:00Z")).toBe(true);
    expect(isOpen(windowOf("12:00", "12:15", "Asia/Kathmandu"), "2026-11-21T06:14:00Z")).toBe(false);
  });
});

/** Minutes from one time to another, before `end`, in which a window is open. */
function openMinutes(during: TimeWindow, start: string, end: string): number {
  const policy = createPolicy([ruleOf({ who: ["a"], may: ["unwrap"], keys: ["*"], during })]);
  let count = 0;
  for (let nowMs = Date.parse(start); nowMs < Date.parse(end); nowMs += 60_000) {
    if (policy.decide({ identity: { name: "a" }, permission: "unwrap", key: "k", nowMs }).allowed) count++;
  }
  return count;
}

describe("summer time", () => {
  // Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00.
  it("keeps a window at the clock's hours on both sides of a change", () => {
    const office = windowOf("08:00", "18:00", "Europe/Berlin");
    expect(isOpen(office, "2026-03-28T07:00:00Z")).toBe(true);
    expect(isOpen(office, "2026-03-28T06:59:00Z")).toBe(false);
    expect(isOpen(office, "2026-03-29T06:00:00Z")).toBe(true);
    expect(isOpen(office, "2026-03-29T16:00:00Z")).toBe(false);
  });

  it("skips what the clocks skip, and opens twice what they show twice", () => {
    const night = windowOf("02:00", "03:00", "Europe/Berlin");
    expect(openMinutes(night, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")).toBe(0);
    expect(openMinutes(night, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z")).toBe(120);
    expect(openMinutes(night, "2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z")).toBe(60);
  });

  it("ends a window that a change falls into by the clock", () => {
    const over = windowOf("22:00", "06:00", "Europe/Berlin");
    expect(openMinutes(over, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z")).toBe(7 * 60);
    expect(openMinutes(over, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z")).toBe(9 * 60);
  });
});

describe("properties of windows", () => {
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe");
  const minute = fc.integer({ min: 0, max: 1_439 });
  const at = fc.integer({ min: Date.parse("2026-01-01"), max: Date.parse("2028-01-01") });

  test.prop([zone, minute, minute, fc.subarray([...days], { minLength: 1 }), at])(
    "a window and the rest of the week never overlap, and leave nothing out",
    (timezone, from, to, on, nowMs) => {
      fc.pre(from !== to);
      const window = { days: on, fromMinute: from, toMinute: to, timezone };
      const sameDays = { days: on, fromMinute: to, toMinute: from, timezone };
      const others = days.filter((day) => !on.includes(day));
      // [from, to) and [to, from of the next day) make up a day; days that are left out make up the rest.
      const first = from < to ? window : sameDays;
      const rest = from < to ? sameDays : window;
      const openFirst = isOpen({ ...first, days: on }, nowMs);
      const openRest = isOpen({ ...rest, days: on }, nowMs);
      expect(openFirst && openRest).toBe(false);
      const elsewhere = isOpen({ ...first, days: others }, nowMs) || isOpen({ ...rest, days: others }, nowMs);
      expect(openFirst || openRest).toBe(!elsewhere);
    },
  );
});

it("is written as it is read", () => {
  expect(windowText(windowOf("08:00", "18:30", "Europe/Berlin", ["mon", "tue"]))).toBe(
    "mon, tue 08:00 to 18:30 Europe/Berlin",
  );
  expect(windowText(windowOf("00:00", "24:00", "UTC"))).toBe("every day 00:00 to 24:00 UTC");
});
