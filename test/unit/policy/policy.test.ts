import { describe, expect, it } from "vitest";
import { fc, test } from "@fast-check/vitest";
import { covers, namesKey, permissions, type Permission, type RuleConfiguration } from "../../../src/config/index.ts";
import { createPolicy, explain } from "../../../src/policy/index.ts";
import { conditionOf, ruleOf } from "./rules.ts";

const ask = (rules: readonly RuleConfiguration[], who: string, permission: Permission, key?: string) =>
  createPolicy(rules).decide({ identity: { name: who }, permission, key });

const rule = (who: string[], may: Permission[], keys: string[]): RuleConfiguration => ruleOf({ who, may, keys });

describe("default deny", () => {
  it("denies everything without a rule", () => {
    for (const permission of permissions) {
      expect(ask([], "backup", permission, "backups/db")).toEqual({ allowed: false });
      expect(ask([], "backup", permission)).toEqual({ allowed: false });
    }
  });

  it("grants one operation to one identity on one key, and no other cell of the matrix", () => {
    const identities = ["backup", "restore", "backup2", "Backup", ""];
    const keys = ["backups/db", "backups/db2", "backups", "backups/db/x", "other"];
    for (const granted of permissions.filter(namesKey)) {
      const policy = createPolicy([rule(["backup"], [granted], ["backups/db"])]);
      const allowed = identities.flatMap((name) =>
        permissions.flatMap((permission) =>
          keys
            .filter((key) => policy.decide({ identity: { name }, permission, key }).allowed)
            .map((key) => [name, permission, key]),
        ),
      );
      expect(allowed).toEqual([["backup", granted, "backups/db"]]);
    }
  });

  it("knows no identity by a name that objects inherit", () => {
    const policy = createPolicy([rule(["backup"], ["wrap"], ["*"])]);
    for (const name of ["__proto__", "constructor", "toString"]) {
      expect(policy.decide({ identity: { name }, permission: "wrap", key: "k" }).allowed).toBe(false);
    }
  });
});

describe("patterns", () => {
  it.each([
    ["backups/*", "backups/db", true],
    ["backups/*", "backups/eu/db", true],
    ["backups/*", "backups", false],
    ["backups/*", "backups2/db", false],
    ["backups/*", "old/backups/db", false],
    ["backups/eu/*", "backups/us/db", false],
    ["*", "anything/at/all", true],
    ["backups/db", "backups/db", true],
    ["backups/db", "backups/dbx", false],
  ])("%s on %s: %s", (pattern, key, allowed) => {
    expect(ask([rule(["a"], ["unwrap"], [pattern])], "a", "unwrap", key).allowed).toBe(allowed);
    expect(covers(pattern, key)).toBe(allowed);
  });
});

describe("the rule in the answer", () => {
  const rules = [
    rule(["a"], ["wrap"], ["x/y"]),
    rule(["a", "b"], ["wrap", "unwrap"], ["x/*"]),
    rule(["a"], ["wrap"], ["*"]),
    rule(["a"], ["wrap"], ["x/y"]),
  ];

  it("is the first that allows", () => {
    expect(ask(rules, "a", "wrap", "x/y")).toEqual({ allowed: true, rule: 0 });
    expect(ask(rules, "a", "wrap", "x/z")).toEqual({ allowed: true, rule: 1 });
    expect(ask(rules, "a", "wrap", "z")).toEqual({ allowed: true, rule: 2 });
    expect(ask(rules, "b", "unwrap", "x/y")).toEqual({ allowed: true, rule: 1 });
    expect(ask(rules, "b", "unwrap", "z")).toEqual({ allowed: false });
    expect(ask([...rules].reverse(), "a", "wrap", "x/y")).toEqual({ allowed: true, rule: 0 });
  });

  it("is the same when asked again", () => {
    const policy = createPolicy(rules);
    const question = { identity: { name: "a" }, permission: "wrap" as const, key: "x/z" };
    expect(policy.decide(question)).toEqual(policy.decide(question));
  });

  it("stays right when more names are asked than are remembered", () => {
    const policy = createPolicy(rules);
    for (let i = 0; i < 5_000; i++) {
      const key = i % 2 === 0 ? `x/${i}` : `y/${i}`;
      const decision = policy.decide({ identity: { name: "b" }, permission: "wrap", key });
      expect(decision.allowed).toBe(i % 2 === 0);
    }
  });
});

describe("permissions that name no key", () => {
  it("are granted by * alone", () => {
    expect(ask([rule(["a"], ["admin.status"], ["*"])], "a", "admin.status").allowed).toBe(true);
    expect(ask([rule(["a"], ["admin.status"], ["x", "x/*"])], "a", "admin.status").allowed).toBe(false);
  });

  it("do not let a question without a key pass for the others", () => {
    for (const permission of permissions.filter(namesKey)) {
      expect(ask([rule(["a"], [...permissions], ["*"])], "a", permission).allowed).toBe(false);
    }
  });
});

describe("conditions", () => {
  const own = ruleOf({
    who: ["a", "b"],
    may: ["unwrap", "rewrap", "inspect"],
    keys: ["x/*"],
    when: ["context.tenant == identity.tenant", 'context.env in ["prod", "test"]'],
  });
  const decide = (context: Record<string, string> | undefined, attributes = {}, permission: Permission = "unwrap") =>
    createPolicy([own]).decide({ identity: { name: "a", attributes }, permission, key: "x/y", context }).allowed;

  it("must all hold", () => {
    expect(decide({ tenant: "t1", env: "prod" }, { tenant: "t1" })).toBe(true);
    expect(decide({ tenant: "t1", env: "dev" }, { tenant: "t1" })).toBe(false);
    expect(decide({ tenant: "t2", env: "prod" }, { tenant: "t1" })).toBe(false);
    expect(decide({ tenant: "t1", env: "prod" })).toBe(false);
    expect(decide({ env: "prod" }, { tenant: "t1" })).toBe(false);
  });

  it("are never met by an operation that brings no context", () => {
    expect(decide(undefined, { tenant: "t1" }, "rewrap")).toBe(false);
    expect(decide(undefined, { tenant: "t1" }, "inspect")).toBe(false);
  });

  it("are judged anew for every call, whatever was remembered of another", () => {
    const policy = createPolicy([own]);
    const question = { permission: "unwrap" as const, key: "x/y" };
    for (let round = 0; round < 3; round++) {
      for (const tenant of ["t1", "t2"]) {
        const context = { tenant: "t1", env: "prod" };
        const { allowed } = policy.decide({ ...question, identity: { name: "a", attributes: { tenant } }, context });
        expect(allowed).toBe(tenant === "t1");
      }
    }
  });

  it("leave a question to the rules after them", () => {
    const rules = [
      own,
      ruleOf({ who: ["a"], may: ["unwrap"], keys: ["*"], when: ['context.env == "dev"'] }),
      rule(["a"], ["unwrap"], ["x/y"]),
    ];
    const policy = createPolicy(rules);
    const by = (env: string) =>
      policy.decide({
        identity: { name: "a", attributes: { tenant: "t" } },
        permission: "unwrap",
        key: "x/y",
        context: { tenant: "t", env },
      });
    expect([by("prod"), by("dev"), by("none")]).toEqual([0, 1, 2].map((index) => ({ allowed: true, rule: index })));
  });
});

describe("groups", () => {
  const groups = new Map([
    ["restorers", ["a", "b"]],
    ["others", ["c"]],
  ]);
  const policy = createPolicy([rule(["restorers"], ["unwrap"], ["*"]), rule(["a"], ["unwrap", "wrap"], ["*"])], groups);
  const by = (name: string, permission: Permission) => policy.decide({ identity: { name }, permission, key: "k" });

  it("stand for their members, and a rule is first by its place and not by how it names somebody", () => {
    expect(by("a", "unwrap")).toEqual({ allowed: true, rule: 0 });
    expect(by("a", "wrap")).toEqual({ allowed: true, rule: 1 });
    expect(by("b", "unwrap")).toEqual({ allowed: true, rule: 0 });
    expect(by("b", "wrap").allowed).toBe(false);
    expect(by("c", "unwrap").allowed).toBe(false);
  });

  it("are nobody themselves", () => {
    expect(by("restorers", "wrap").allowed).toBe(false);
    expect(by("others", "unwrap").allowed).toBe(false);
  });
});

describe("an identity within another", () => {
  const policy = createPolicy([
    rule(["socket"], ["unwrap"], ["x/*"]),
    rule(["token"], ["unwrap", "wrap"], ["x/y", "z"]),
    ruleOf({ who: ["strict"], may: ["unwrap"], keys: ["*"], when: ["context.tenant == identity.tenant"] }),
  ]);
  const by = (outer: string, permission: Permission, key: string, tenant = "t") =>
    policy.decide({
      identity: { name: "token", within: { name: outer, attributes: { tenant } } },
      permission,
      key,
      context: { tenant: "t" },
    });

  it("may do what both may, and no more", () => {
    expect(by("socket", "unwrap", "x/y").allowed).toBe(true);
    expect(by("socket", "unwrap", "x/z").allowed).toBe(false);
    expect(by("socket", "unwrap", "z").allowed).toBe(false);
    expect(by("socket", "wrap", "x/y").allowed).toBe(false);
    expect(by("nobody", "unwrap", "x/y").allowed).toBe(false);
  });

  it("is under the rules of both, each with its own identity's attributes", () => {
    expect(by("socket", "unwrap", "x/y")).toEqual({ allowed: true, rule: 1 });
    expect(by("strict", "unwrap", "z")).toEqual({ allowed: true, rule: 1 });
    expect(by("strict", "unwrap", "z", "t2").allowed).toBe(false);
  });
});

const segment = fc.constantFrom("a", "b", "c");
const keyName = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const pattern = fc.oneof(
  keyName,
  keyName.map((name) => `${name}/*`),
  fc.constant("*"),
);
const conditionText = fc.constantFrom(
  "context.a == identity.a",
  'context.a == "1"',
  'context.a in ["1", "2"]',
  'context.b == "1"',
  "context.b == identity.name",
);
const timezone = "UTC";
const during = fc.constantFrom(
  { days: ["mon", "tue"] as const, fromMinute: 0, toMinute: 1_440, timezone },
  { days: ["tue", "wed"] as const, fromMinute: 1_200, toMinute: 60, timezone },
);
const groups = new Map([
  ["g", ["a", "b"]],
  ["h", ["c", "a"]],
]);
const anyRule: fc.Arbitrary<RuleConfiguration> = fc.record({
  who: fc.array(fc.constantFrom("a", "b", "c", "g", "h"), { minLength: 1, maxLength: 2 }),
  may: fc.array(fc.constantFrom(...permissions), { minLength: 1, maxLength: 3 }),
  keys: fc.array(pattern, { minLength: 1, maxLength: 3 }),
  when: fc.array(conditionText.map(conditionOf), { maxLength: 2 }),
  during: fc.option(during, { nil: undefined, freq: 2 }),
  quota: fc.constant([]),
  grant: fc.constant(undefined),
});
const pairs: fc.Arbitrary<Readonly<Record<string, string>>> = fc.record(
  { a: fc.constantFrom("1", "2", "3"), b: fc.constantFrom("1", "a") },
  { requiredKeys: [] },
);
const question = fc.record({
  identity: fc.record({ name: segment, attributes: pairs }),
  permission: fc.constantFrom(...permissions),
  key: fc.option(keyName, { nil: undefined }),
  context: fc.option(pairs, { nil: undefined }),
  nowMs: fc.integer({ min: Date.parse("2026-11-16"), max: Date.parse("2026-11-30") }),
});
type Asked = typeof question extends fc.Arbitrary<infer One> ? One : never;

/** A reading of one rule that shares nothing with the policy but what a pattern covers. */
function allows(r: RuleConfiguration, q: Asked): boolean {
  const isFor = r.who.some((who) => who === q.identity.name || groups.get(who)?.includes(q.identity.name));
  const isAbout =
    q.key === undefined ? !namesKey(q.permission) && r.keys.includes("*") : r.keys.some((one) => covers(one, q.key!));
  const holds = r.when.every(({ name, is }) => {
    const said = q.context?.[name];
    if (said === undefined) return false;
    if ("oneOf" in is) return is.oneOf.includes(said);
    return said === (is.attribute === "name" ? q.identity.name : q.identity.attributes[is.attribute]);
  });
  const at = new Date(q.nowMs);
  const minute = at.getUTCHours() * 60 + at.getUTCMinutes();
  const day = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"][at.getUTCDay()];
  const inTime =
    r.during === undefined ||
    (r.during.days[0] === "mon"
      ? day === "mon" || day === "tue"
      : ((day === "tue" || day === "wed") && minute >= 1_200) || ((day === "wed" || day === "thu") && minute < 60));
  return isFor && r.may.includes(q.permission) && isAbout && holds && inTime;
}

describe("properties", () => {
  test.prop([fc.array(anyRule, { maxLength: 8 }), fc.array(question, { minLength: 1, maxLength: 20 })], {
    numRuns: 500,
  })("answers as a reading of every rule would, whatever was asked before", (rules, questions) => {
    const policy = createPolicy(rules, groups);
    for (const q of questions) {
      const first = rules.findIndex((one) => allows(one, q));
      expect(policy.decide(q)).toEqual(first === -1 ? { allowed: false } : { allowed: true, rule: first });
    }
  });

  test.prop([fc.array(anyRule, { maxLength: 6 }), anyRule, fc.nat(6), question])(
    "adding a rule takes nothing away",
    (rules, added, at, q) => {
      if (!createPolicy(rules, groups).decide(q).allowed) return;
      const more = [...rules.slice(0, at), added, ...rules.slice(at)];
      expect(createPolicy(more, groups).decide(q).allowed).toBe(true);
    },
  );

  test.prop([fc.array(anyRule, { maxLength: 8 }), question])(
    "an explanation decides as the policy does, and finds nothing against the rules that allow",
    (policy, q) => {
      const { decision, verdicts } = explain({ policy, groups }, q);
      expect(decision).toEqual(createPolicy(policy, groups).decide(q));
      expect(verdicts.map(({ obstacles }) => obstacles.length === 0)).toEqual(policy.map((one) => allows(one, q)));
    },
  );
});
