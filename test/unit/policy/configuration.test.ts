import { describe, expect, it } from "vitest";
import { configurationDifference } from "../../../src/config/index.ts";
import { load, problemsOf, textOf, warningsOf } from "../config/texts.ts";

const rule = (more: string) => textOf({ policy: `[{ who: backup, may: [wrap, unwrap], keys: backups/db, ${more} }]` });
const first = async (more: string) => (await load(rule(more))).policy[0]!;

describe("conditions", () => {
  it("may stand alone or in a list", async () => {
    const tenant = { name: "tenant", is: { attribute: "tenant" } };
    const env = { name: "env", is: { oneOf: ["prod"] } };
    expect((await first("when: context.tenant == identity.tenant")).when).toEqual([tenant]);
    const both = `when: ["context.tenant == identity.tenant", 'context.env == "prod"']`;
    expect((await first(both)).when).toEqual([tenant, env]);
  });

  it.each([
    ["when: []", "policy[0].when: an empty list; expected a condition in quotes, or a list of several"],
    ["when: tenant", "policy[0].when: this is no condition: context.NAME is wanted at character 1"],
    ["when: [context.a == identity.a, 7]", "policy[0].when[1]: this number does not fit; expected a condition"],
    [`when: ['context.a == "1"', 'context.a == "2"']`, "policy[0].when[1]: no context.a can meet this"],
    [
      `when: ['context.a in ["1", "2"]', 'context.a in ["2", "3"]', 'context.a == "1"']`,
      "policy[0].when[2]: no context.a",
    ],
  ])("that say nothing or contradict each other are refused: %s", async (more, words) => {
    expect((await problemsOf(rule(more))).join("\n")).toContain(words);
  });

  it("that leave something over are no contradiction", async () => {
    expect((await first(`when: ['context.a in ["1", "2"]', 'context.a in ["2", "3"]']`)).when).toHaveLength(2);
  });

  it.each(["rewrap", "inspect", "admin.keys.list"])(
    "are refused on %s, which brings no context",
    async (permission) => {
      const policy = `[{ who: backup, may: [wrap, ${permission}], keys: "*", when: 'context.a == "1"' }]`;
      expect((await problemsOf(textOf({ policy }))).join("\n")).toContain(
        `policy[0].may[1]: ${permission} brings no context`,
      );
    },
  );
});

describe("times", () => {
  it("have every day and the whole day as defaults", async () => {
    const { during } = await first("during: { timezone: UTC }");
    expect(during).toEqual({
      days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
      fromMinute: 0,
      toMinute: 1_440,
      timezone: "UTC",
    });
    expect(await first(`during: { days: sat, from: "22:15", to: "06:00", timezone: Europe/Berlin }`)).toMatchObject({
      during: { days: ["sat"], fromMinute: 1_335, toMinute: 360, timezone: "Europe/Berlin" },
    });
  });

  it.each([
    ["during: {}", "policy[0].during.timezone: missing; expected a time zone of the IANA database"],
    ["during: { timezone: Europe/Berln }", "policy[0].during.timezone: this text does not fit; expected a time zone"],
    [`during: { timezone: "+02:00" }`, "policy[0].during.timezone: this text does not fit"],
    [
      `during: { timezone: UTC, from: "8:00" }`,
      "policy[0].during.from: this text does not fit; expected a time of day",
    ],
    [`during: { timezone: UTC, from: "24:00" }`, "policy[0].during.from: a window begins at 23:59 at the latest"],
    [`during: { timezone: UTC, to: "00:00" }`, 'policy[0].during.to: write "24:00" for the end of the day'],
    [`during: { timezone: UTC, from: "08:00", to: "08:00" }`, "policy[0].during: from and to are the same"],
    ["during: { timezone: UTC, from: 08:00 }", "policy[0].during.from: YAML readers differ on what 08:00 is"],
    ["during: { timezone: UTC, days: [mon, mon] }", "policy[0].during.days: the same stands here twice"],
    ["during: { timezone: UTC, days: monday }", "policy[0].during.days"],
  ])("that are none are refused: %s", async (more, words) => {
    expect((await problemsOf(rule(more))).join("\n")).toContain(words);
  });
});

describe("quotas", () => {
  it("are for calls or distinct envelopes, by the second, minute, hour or day", async () => {
    expect((await first("quota: 100/h")).quota).toEqual([{ limit: 100, windowMs: 3_600_000, distinct: false }]);
    expect((await first("quota: [50/s, 70/m, 200 distinct/h, 900/d]")).quota).toEqual([
      { limit: 50, windowMs: 1_000, distinct: false },
      { limit: 70, windowMs: 60_000, distinct: false },
      { limit: 200, windowMs: 3_600_000, distinct: true },
      { limit: 900, windowMs: 86_400_000, distinct: false },
    ]);
  });

  it.each(["0/h", "100", "100/w", "100 / h", "-1/h", "1.5/h", "1000000000/h", "10 unique/h", "[]", "{}", "7"])(
    "that are none are refused: %s",
    async (text) => {
      expect((await problemsOf(rule(`quota: ${text}`))).join("\n")).toContain("policy[0].quota");
    },
  );

  it("are refused on administration, which is not charged", async () => {
    const policy = '[{ who: backup, may: [wrap, admin.keys.list], keys: "*", quota: 5/h }]';
    expect((await problemsOf(textOf({ policy }))).join("\n")).toContain(
      "policy[0].may[1]: admin.keys.list is not charged to quotas",
    );
  });

  it("for one window twice are refused", async () => {
    expect(await problemsOf(rule("quota: [5/h, 6/h]"))).toEqual([
      expect.stringContaining("policy[0].quota: two quotas are for the same window: keep the smaller"),
    ]);
    expect((await first("quota: [5/h, 6 distinct/h]")).quota).toHaveLength(2);
  });
});

describe("grants", () => {
  const asked = (grant: string, may = "unwrap") =>
    textOf({ policy: `[{ who: backup, may: [${may}], keys: "*", grant: ${grant} }]` });

  it.each([
    [
      "{ approvals: 3, from: [a, b], maxFor: 4h, maxUnwraps: 5 }",
      "policy[0].grant.approvals: approvals is more than there are",
    ],
    ["{ approvals: 0, from: [a, b], maxFor: 4h, maxUnwraps: 5 }", "policy[0].grant.approvals"],
    ["{ approvals: 1, from: [a, a], maxFor: 4h, maxUnwraps: 5 }", "policy[0].grant.from: the same stands here twice"],
    ["{ approvals: 1, from: a, maxUnwraps: 5 }", "policy[0].grant.maxFor: missing"],
    ["{ approvals: 1, from: a, maxFor: 31d, maxUnwraps: 5 }", "policy[0].grant.maxFor"],
    ["{ approvals: 1, from: a, maxFor: 4h }", "policy[0].grant.maxUnwraps: missing"],
    ["true", "policy[0].grant: this boolean does not fit; expected a map with approvals"],
  ])("%s is refused", async (grant, words) => {
    expect((await problemsOf(asked(grant))).join("\n")).toContain(words);
  });

  it("are for operations on envelopes alone", async () => {
    const grant = "{ approvals: 1, from: a, maxFor: 4h, maxUnwraps: 5 }";
    expect((await problemsOf(asked(grant, "unwrap, wrap"))).join("\n")).toContain(
      "policy[0].may[1]: wrap brings no envelope",
    );
  });
});

describe("groups", () => {
  const policy = "[{ who: restorers, may: [unwrap], keys: backups/db }]";

  it("are lists of identities, and what their rules allow is said of their members", async () => {
    const text = textOf({ policy, extra: "groups: { restorers: backup }\n" });
    expect((await load(text)).groups).toEqual(new Map([["restorers", ["backup"]]]));
    expect(await warningsOf(text)).toEqual([]);
  });

  it.each([
    [
      "groups: { restorers: [backup, backpu] }",
      'groups.restorers[1]: there is no identity "backpu"; did you mean "backup"?',
    ],
    ["groups: { restorers: [] }", "groups.restorers: an empty list"],
    ["groups: { restorers: [backup], more: [restorers] }", 'groups.more[0]: there is no identity "restorers"'],
    ["groups: { restorers: [backup], backup: [backup] }", "groups.backup: an identity has this name too"],
    ["groups: { Restorers: [backup] }", "groups"],
    ["groups: [backup]", "groups: this list does not fit; expected a map of groups"],
  ])("%s is refused", async (groups, words) => {
    expect((await problemsOf(textOf({ policy, extra: `${groups}\n` }))).join("\n")).toContain(words);
  });

  it("that no rule speaks of are warned of", async () => {
    expect(await warningsOf(textOf({ extra: "groups: { idle: [backup] }\n" }))).toEqual([
      "groups.idle: no rule speaks of this group",
    ]);
  });
});

it("a reload says what changed in what a rule asks for, and in a group", async () => {
  const policy = (quota: string) =>
    `[{ who: all, may: [unwrap], keys: backups/db, quota: ${quota}, when: 'context.a == "1"' }]`;
  const before = await load(textOf({ policy: policy("5/h"), extra: "groups: { all: [backup] }\n" }));
  const after = await load(
    textOf({
      policy: policy("9/h"),
      extra: "groups: { all: [backup, more] }\n",
      listeners:
        "\n  sock: { unix: /run/keybroker/backup.sock, identity: backup }\n  b: { unix: /run/b.sock, identity: more }",
    }),
  );
  const difference = configurationDifference(before, after);
  expect(difference.changed).toContain("groups.all");
  expect(difference.rulesRemoved).toEqual(['all may unwrap: backups/db (context.a == "1"; 5/h)']);
  expect(difference.rulesAdded).toEqual(['all may unwrap: backups/db (context.a == "1"; 9/h)']);
});
