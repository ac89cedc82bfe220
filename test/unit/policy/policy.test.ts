import { describe, expect, it } from "vitest";
import { fc, test } from "@fast-check/vitest";
import { covers, namesKey, permissions, type Permission, type RuleConfiguration } from "../../../src/config/index.ts";
import { createPolicy } from "../../../src/policy/index.ts";

const ask = (rules: readonly RuleConfiguration[], who: string, permission: Permission, key?: string) =>
  createPolicy(rules).decide({ identity: { name: who }, permission, key });

const unconditioned = { when: [], during: undefined, quota: [], grant: undefined };
const rule = (who: string[], may: Permission[], keys: string[]): RuleConfiguration => ({
  who,
  may,
  keys,
  ...unconditioned,
});

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

const segment = fc.constantFrom("a", "b", "c");
const keyName = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const pattern = fc.oneof(
  keyName,
  keyName.map((name) => `${name}/*`),
  fc.constant("*"),
);
const anyRule = fc.record({
  who: fc.array(segment, { minLength: 1, maxLength: 2 }),
  may: fc.array(fc.constantFrom(...permissions), { minLength: 1, maxLength: 3 }),
  keys: fc.array(pattern, { minLength: 1, maxLength: 3 }),
  when: fc.constant([]),
  during: fc.constant(undefined),
  quota: fc.constant([]),
  grant: fc.constant(undefined),
});
const question = fc.record({
  identity: fc.record({ name: segment }),
  permission: fc.constantFrom(...permissions),
  key: fc.option(keyName, { nil: undefined }),
});

describe("properties", () => {
  test.prop([fc.array(anyRule, { maxLength: 8 }), question])("answers as a reading of every rule would", (rules, q) => {
    const first = rules.findIndex(
      (r) =>
        r.who.includes(q.identity.name) &&
        r.may.includes(q.permission) &&
        (q.key === undefined
          ? !namesKey(q.permission) && r.keys.includes("*")
          : r.keys.some((pattern) => covers(pattern, q.key!))),
    );
    expect(createPolicy(rules).decide(q)).toEqual(first === -1 ? { allowed: false } : { allowed: true, rule: first });
  });

  test.prop([fc.array(anyRule, { maxLength: 6 }), anyRule, fc.nat(6), question])(
    "adding a rule takes nothing away",
    (rules, added, at, q) => {
      if (!createPolicy(rules).decide(q).allowed) return;
      const more = [...rules.slice(0, at), added, ...rules.slice(at)];
      expect(createPolicy(more).decide(q).allowed).toBe(true);
    },
  );
});
