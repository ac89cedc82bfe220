// What a rule asks for beside its conditions, as text for people: times, quotas and grants.

import type { GrantRequirement, QuotaConfiguration, TimeWindow } from "./configuration.ts";

const allDays = 7;

/** Such as `mon, tue 08:00 to 18:00 Europe/Berlin`. */
export function windowText({ days, fromMinute, toMinute, timezone }: TimeWindow): string {
  const when = days.length === allDays ? "every day" : days.join(", ");
  return `${when} ${timeText(fromMinute)} to ${timeText(toMinute)} ${timezone}`;
}

function timeText(minute: number): string {
  const two = (part: number) => String(part).padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

const units: Readonly<Record<number, string>> = { 1_000: "s", 60_000: "m", 3_600_000: "h", 86_400_000: "d" };

/** As the configuration writes it, such as `100/h` or `200 distinct/h`. */
export function quotaText({ limit, windowMs, distinct }: QuotaConfiguration): string {
  return `${limit}${distinct ? " distinct" : ""}/${units[windowMs]}`;
}

/** Such as `a grant by 2 of a, b, for at most 240 minutes and 50 envelopes`. */
export function grantText({ approvals, from, maxForMs, maxUnwraps }: GrantRequirement): string {
  return `a grant by ${approvals} of ${from.join(", ")}, for at most ${maxForMs / 60_000} minutes and ${maxUnwraps} envelopes`;
}
