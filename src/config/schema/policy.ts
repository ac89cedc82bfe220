// The part `policy`: who may do what with which key, when, how often, and whose consent it takes.

import { z } from "zod";
import { isKeyName } from "../../envelope/index.ts";
import { parseCondition } from "../condition.ts";
import { permissions, type Day, type QuotaConfiguration, type RuleConfiguration } from "../configuration.ts";
import { duration, isWithoutRepeats, name, oneOf, oneOrMore, wholeNumber } from "./words.ts";

const patternWords = 'expected a key name, "prefix/*" for all below it, or "*" for every key';

const keyPattern = z
  .string({ error: patternWords })
  .refine((pattern) => pattern === "*" || isKeyName(pattern.replace(/\/\*$/, "")), { error: patternWords })
  .meta({ title: "key pattern" });

/** One of something that is read from a text, or a list of several: a list in any case. */
function readOneOrMore<Output>(item: z.ZodType<Output, string>, what: string, most: number) {
  const error = `expected ${what}, or a list of several, at most ${most}`;
  return z
    .union([item, z.array(item, { error }).min(1, { error }).max(most, { error })], { error })
    .transform((value) => (Array.isArray(value) ? value : [value]));
}

const conditionWords = "expected a condition in quotes, such as 'context.tenant == identity.tenant'";

const condition = z
  .string({ error: conditionWords })
  .transform((text, issues) => {
    const { condition: parsed, fault } = parseCondition(text);
    if (parsed !== undefined) return parsed;
    issues.addIssue({ code: "custom", message: fault });
    return z.NEVER;
  })
  .meta({ title: "condition" });

const windows: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const quotaPattern = /^([1-9][0-9]{0,8})( distinct)?\/([smhd])$/;
const quotaWords = 'expected a quota such as "50/s", "1000/h" or "200 distinct/h", by s, m, h or d';

const quota = z
  .string({ error: quotaWords })
  .regex(quotaPattern, { error: quotaWords })
  .transform((text): QuotaConfiguration => {
    const [, limit, distinct, window] = quotaPattern.exec(text) ?? [];
    return { limit: Number(limit), windowMs: windows[window!]!, distinct: distinct !== undefined };
  })
  .meta({ title: "quota" });

const quotas = readOneOrMore(quota, "a quota", 8).refine(
  (list) => isWithoutRepeats(list.map(({ windowMs, distinct }) => `${windowMs} ${distinct}`)),
  { error: "two quotas are for the same window: keep the smaller" },
);

const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const satisfies readonly Day[];

const timeWords = 'expected a time of day in quotes, such as "08:30", from "00:00" to "24:00"';

const timeOfDay = z
  .string({ error: timeWords })
  .regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$/, { error: timeWords })
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)))
  .meta({ title: "time of day" });

const zoneWords = "expected a time zone of the IANA database, such as Europe/Berlin or UTC";

const timezone = z
  .string({ error: zoneWords })
  .refine(isTimezone, { error: zoneWords })
  .meta({ title: "time zone" })
  .describe("By whose clocks: a name of the IANA database.");

/** Offsets such as +02:00, which some runtimes take too, would be wrong for half of the year. */
function isTimezone(zone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

const during = z
  .strictObject(
    {
      days: oneOrMore(oneOf(days), "a day")
        .prefault([...days])
        .describe("The days on which the window begins. Left out: every day."),
      from: timeOfDay
        .prefault("00:00")
        .refine((minute) => minute < 1_440, { error: "a window begins at 23:59 at the latest: 24:00 only ends one" })
        .describe("When it begins."),
      to: timeOfDay
        .prefault("24:00")
        .refine((minute) => minute > 0, { error: 'write "24:00" for the end of the day' })
        .describe("When it ends, itself outside. A time before `from` is of the next day."),
      timezone,
    },
    { error: "expected a map with timezone and at least one of days, from and to" },
  )
  .refine(({ from, to }) => from !== to, { error: "from and to are the same: leave both out for the whole day" })
  .describe("The times at which the rule holds. Left out: always.");

const grant = z
  .strictObject(
    {
      approvals: wholeNumber(1, 16).describe("How many of `from` must have signed the grant."),
      from: oneOrMore(name, "the name of an approver").describe("Who may sign: names under `approvers`."),
      maxFor: duration("1m", "30d").describe("The longest a grant may be open."),
      maxUnwraps: wholeNumber(1, 1_000_000).describe("The most distinct envelopes a grant may open."),
    },
    { error: "expected a map with approvals, from, maxFor and maxUnwraps" },
  )
  .refine(({ approvals, from }) => approvals <= from.length, {
    error: "approvals is more than there are approvers in from",
    path: ["approvals"],
  })
  .describe("The open grant that the rule asks for. Left out: none.");

/** One rule. */
export const rule = z
  .strictObject(
    {
      who: oneOrMore(name, "the name of an identity or group").describe("The identities and groups it is for."),
      may: oneOrMore(oneOf(permissions), "a permission").describe("What they may do."),
      keys: oneOrMore(keyPattern, "a key").describe(
        "With which keys: an exact name, `prefix/*` for every name below it, or `*`. `admin.status` is about no key and needs `*`.",
      ),
      when: readOneOrMore(condition, "a condition in quotes", 16)
        .default([])
        .describe(
          'What the context must say: `context.NAME == identity.NAME`, `context.NAME == "text"` or `context.NAME in ["one", "two"]`. All must hold.',
        ),
      during: during.optional(),
      quota: quotas
        .default([])
        .describe(
          "How much one identity may do with one key: `100/h` calls, or `200 distinct/h` for distinct envelopes; by `s`, `m`, `h` or `d`.",
        ),
      grant: grant.optional(),
    },
    { error: "expected a map with who, may and keys" },
  )
  .describe("A rule that allows. What no rule allows is denied; of several that allow, the first counts.");

/** A rule as the schema leaves it. */
export type RuleEntry = z.output<typeof rule>;

/** The rule as the rest of the daemon sees it. */
export function buildRule({
  who,
  may,
  keys,
  when,
  during: at,
  quota: limits,
  grant: asked,
}: RuleEntry): RuleConfiguration {
  return {
    who,
    may,
    keys,
    when,
    during: at && { days: at.days, fromMinute: at.from, toMinute: at.to, timezone: at.timezone },
    quota: limits,
    grant: asked && {
      approvals: asked.approvals,
      from: asked.from,
      maxForMs: asked.maxFor,
      maxUnwraps: asked.maxUnwraps,
    },
  };
}
