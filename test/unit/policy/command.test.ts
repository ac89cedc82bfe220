import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFileSync } from "node:fs";
import { cli, folder, type Folder } from "../cli/harness.ts";

const head = `version: 1
realm: prod
approvers: { x: { sshKey: x.pub } }
providers: { local: { kind: env, keys: { "1": "file:/not/on/this/machine" } } }
keys:
  backups/db: { wrapTo: [{ provider: local }], formerNames: [old] }
  backups/mail: { wrapTo: [{ provider: local }] }
listeners:
  a: { unix: /run/a.sock, identity: backup, attributes: { tenant: x } }
  b: { unix: /run/b.sock, identity: restore, admin: true }
groups: { restorers: [restore, backup] }
policy:
`;
const clean = `  - { who: backup, may: [wrap], keys: "backups/*" }
  - who: restorers
    may: [unwrap, check]
    keys: backups/db
    when: context.tenant == identity.tenant
    during: { from: "08:00", to: "18:00", timezone: Europe/Berlin }
    quota: [5/s, 100 distinct/h]
    grant: { approvals: 1, from: [x], maxFor: 4h, maxUnwraps: 5 }
  - { who: restore, may: [unwrap, rewrap, admin.status], keys: "*" }
`;

let place: Folder;
let file: string;

beforeAll(() => {
  place = folder();
  file = place.at("keybroker.yaml");
  writeFileSync(file, head + clean);
});
afterAll(() => place.remove());

const explain = (identity: string, operation: string, ...more: string[]) =>
  cli(["policy", "explain", "--config", file, "--identity", identity, "--operation", operation, ...more]);
const inHours = ["--at", "2026-07-01T15:30:00Z"];
const afterHours = ["--at", "2026-07-01T18:00:00+02:00"];

describe("policy explain", () => {
  it("names the rule that allows, where it stands, and what it asks for", async () => {
    const { exit, text } = await explain(
      "backup",
      "unwrap",
      "--key",
      "backups/db",
      "--context",
      "tenant=x",
      ...inHours,
    );
    expect(exit).toBe(0);
    expect(text.split("\n")).toEqual([
      "allowed",
      "backup: allowed by policy[1] (line 14)",
      "  who: restorers; may: unwrap, check; keys: backups/db",
      "  when: context.tenant == identity.tenant",
      "  during: every day 08:00 to 18:00 Europe/Berlin",
      "  quota: 5/s, 100 distinct/h",
      "  asks for a grant by 1 of x, for at most 240 minutes and 5 envelopes",
      "  not policy[0] (line 13): it allows wrap",
      "  for others: policy[2] (line 21)",
      "",
    ]);
  });

  it("says what keeps each rule from allowing, and ends as a denied call does", async () => {
    const denied = await explain("backup", "unwrap", "--key", "backups/db", "--context", "tenant=y", ...afterHours);
    expect(denied.exit).toBe(3);
    expect(denied.text).toContain("denied\nbackup: no rule allows it\n");
    expect(denied.text).toContain(
      `not policy[1] (line 14): context.tenant == identity.tenant does not hold: the context's tenant is "y", the identity's tenant "x"; the time is not within every day 08:00 to 18:00 Europe/Berlin`,
    );
    const other = await explain("restore", "unwrap", "--key", "backups/db");
    expect(other.exit).toBe(0);
    expect(other.text).toContain(
      "not policy[1] (line 14): context.tenant == identity.tenant does not hold: the context has no tenant",
    );
  });

  it("takes former names, and says when there is no such key", async () => {
    expect((await explain("restore", "unwrap", "--key", "old")).exit).toBe(0);
    const none = await explain("restore", "unwrap", "--key", "backups/none");
    expect(none.exit).toBe(3);
    expect(none.text).toContain('there is no key "backups/none": every call for it is denied');
  });

  it("asks about permissions without a key, and operations without a context", async () => {
    expect((await explain("restore", "admin.status")).exit).toBe(0);
    expect((await explain("backup", "admin.status")).exit).toBe(3);
    expect((await explain("restore", "rewrap", "--key", "backups/db")).exit).toBe(0);
  });

  it("takes attributes that a token would bring", async () => {
    const asked = ["--key", "backups/db", "--context", "tenant=y", ...inHours];
    expect((await explain("backup", "check", ...asked)).exit).toBe(3);
    expect((await explain("backup", "check", ...asked, "--attribute", "tenant=y")).exit).toBe(0);
  });

  it.each([
    [["nobody", "unwrap", "--key", "backups/db"], 'there is no identity "nobody"'],
    [["backup", "unrwap", "--key", "backups/db"], '--operation "unrwap" is none of wrap, unwrap'],
    [["backup", "unwrap"], "--key is needed"],
    [["restore", "admin.status", "--key", "x"], "admin.status is about no key"],
    [["backup", "rewrap", "--key", "backups/db", "--context", "a=b"], "rewrap brings no context"],
    [["backup", "unwrap", "--key", "backups/db", "--at", "2026-07-01"], "write a time with its zone"],
    [["backup", "unwrap", "--key", "backups/db", "--at", "2026-07-41T00:00:00Z"], "write a time with its zone"],
  ])("refuses what cannot be asked: %j", async ([identity, operation, ...more], words) => {
    const { exit, stderr } = await explain(identity!, operation!, ...more);
    expect(exit).toBe(2);
    expect(stderr).toContain(words);
  });

  it("is an object with --json", async () => {
    const { text } = await explain("restore", "unwrap", "--key", "backups/db", ...inHours, "--json");
    expect(JSON.parse(text)).toMatchObject({
      allowed: true,
      operation: "unwrap",
      key: "backups/db",
      at: "2026-07-01T15:30:00.000Z",
      identities: [
        {
          identity: "restore",
          allowed: true,
          rule: { rule: 2, line: 21, quota: [] },
          rules: [
            { rule: 0, line: 13, forIdentity: false, allows: false },
            { rule: 1, line: 14, forIdentity: true, allows: false },
            { rule: 2, line: 21, forIdentity: true, allows: true, obstacles: [] },
          ],
        },
      ],
    });
  });

  it("shows the problems of a configuration that cannot be read", async () => {
    const bad = place.at("bad.yaml");
    writeFileSync(bad, `${head}  - { who: backup, may: [fly], keys: "*" }\n`);
    const { exit, stderr } = await cli(["policy", "check", bad]);
    expect(exit).toBe(2);
    expect(stderr).toContain("bad.yaml:13:26: policy[0].may");
  });
});

async function check(rules: string, extra = ""): Promise<{ exit: number; lines: string[]; text: string }> {
  const path = place.at("checked.yaml");
  writeFileSync(path, head.replace("groups:", `${extra}groups:`) + rules);
  const { exit, text } = await cli(["policy", "check", path]);
  const lines = text.split("\n").filter((line) => line.startsWith(path));
  return { exit, lines: lines.map((line) => line.slice(path.length + 1)), text };
}

const fine = `  - { who: [backup, restore], may: [unwrap], keys: [backups/db, backups/mail] }\n`;

describe("policy check", () => {
  it("lists who can unwrap what, by which rule and on what terms", async () => {
    const { text } = await cli(["policy", "check", file]);
    const [title, ...rows] = text
      .slice(text.indexOf("WHO"))
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(title).toEqual(["WHO CAN UNWRAP", "WITH", "BY", "IF"]);
    expect(rows.map(([who, keys, rule]) => [who, keys, rule])).toEqual([
      ["backup", "backups/db", "policy[1] (line 14)"],
      ["restore", "backups/db, backups/mail", "policy[2] (line 21)"],
    ]);
    expect(rows[0]![3]).toContain("context.tenant == identity.tenant; every day 08:00 to 18:00 Europe/Berlin; 5/s");
  });

  it("finds nothing in a policy with nothing wrong", async () => {
    expect(await check(fine)).toMatchObject({ exit: 0, lines: [] });
  });

  it.each([
    ["an earlier rule for all of it", `  - { who: backup, may: unwrap, keys: backups/db }\n`, "by policy[0]"],
    [
      "several earlier rules together",
      `  - { who: restorers, may: [unwrap], keys: "backups/*", quota: 5/s }\n`,
      "by policy[0]",
    ],
    [
      "an attribute that nobody has",
      `  - { who: restorers, may: [wrap], keys: backups/db, when: context.a == identity.team }\n`,
      "no identity it is for has the attributes that its conditions ask for, team",
    ],
  ])("finds a rule that never matches: %s", async (_, rule, words) => {
    const { exit, lines } = await check(fine + rule);
    expect(exit).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^14:5: this rule never matches: /)]);
    expect(lines[0]).toContain(words);
  });

  it.each([
    `  - { who: restore, may: [unwrap, inspect], keys: backups/db }\n`,
    `  - { who: restorers, may: [unwrap, wrap], keys: backups/db }\n`,
  ])("does not call a rule dead of which a part matches: %s", async (rule) => {
    expect((await check(fine + rule)).lines.filter((line) => line.includes("never matches"))).toEqual([]);
  });

  it("does not take a narrower rule for one that covers", async () => {
    const narrow = `  - { who: backup, may: unwrap, keys: backups/db, when: 'context.a in ["1", "2"]' }\n`;
    const rest = `  - { who: restore, may: [unwrap], keys: [backups/db, backups/mail] }\n`;
    const mail = `  - { who: backup, may: unwrap, keys: backups/mail }\n`;
    const within = `  - { who: backup, may: unwrap, keys: backups/db, when: 'context.a == "2"' }\n`;
    const wider = `  - { who: backup, may: unwrap, keys: backups/db, when: 'context.a in ["2", "3"]' }\n`;
    expect((await check(narrow + rest + mail + within)).lines).toEqual([expect.stringContaining("by policy[0]")]);
    expect((await check(narrow + rest + mail + wider)).lines).toEqual([]);
  });

  it("finds a grant that another rule makes needless", async () => {
    const terms = "grant: { approvals: 1, from: x, maxFor: 4h, maxUnwraps: 5 }";
    const always = `  - { who: restorers, may: unwrap, keys: backups/db, ${terms} }\n`;
    const sometimes = `  - { who: restorers, may: unwrap, keys: backups/db, during: { to: "12:00", timezone: UTC }, ${terms} }\n`;
    for (const rules of [sometimes + fine, fine + always]) {
      const { lines } = await check(rules);
      expect(lines).toContainEqual(expect.stringContaining("the grant can be got around: policy["));
    }
    // The first rule that allows counts, so a grant that is asked for always cannot be got around by a later one.
    expect((await check(always + fine)).lines).toEqual([]);
  });

  it("finds identities without a rule, and keys that nobody may unwrap", async () => {
    const { lines } = await check(`  - { who: backup, may: [unwrap, wrap], keys: backups/db }\n`);
    expect(lines).toEqual([
      "10:37: no rule speaks of the identity restore, so it may do nothing",
      "7:3: nobody may unwrap with the key backups/mail",
    ]);
  });

  it("finds an identity that may wrap, and unwrap all there is", async () => {
    const { lines } = await check(`  - { who: restorers, may: [unwrap, generate], keys: "backups/*" }\n`);
    expect(lines).toEqual([
      expect.stringMatching(/^13:5: backup may wrap with backups\/db and unwrap all of backups\/\*/),
    ]);
  });

  it("finds nothing in the example", async () => {
    expect((await cli(["policy", "check", "config.example.yaml"])).exit).toBe(0);
  });

  it("is an object with --json", async () => {
    const path = place.at("json.yaml");
    writeFileSync(path, head + fine + `  - { who: backup, may: unwrap, keys: backups/db }\n`);
    const { exit, text } = await cli(["policy", "check", "--json", path]);
    expect(exit).toBe(1);
    expect(JSON.parse(text)).toMatchObject({
      ok: false,
      findings: [{ kind: "rule-never-matches", path: ["policy", 1], line: 14, column: 5 }],
      unwrap: [
        { identity: "backup", keys: ["backups/db", "backups/mail"], rule: 0, line: 13 },
        { identity: "restore", keys: ["backups/db", "backups/mail"], rule: 0, line: 13 },
      ],
    });
  });
});
