import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadKind as realKind } from "../../../src/provider/index.ts";
import type { KindReference, ProviderKind } from "../../../src/provider/index.ts";
import { load, problemsOf, textOf, warningsOf } from "./texts.ts";

const two = `
  local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" } }
  other: { kind: env, keys: { "1": "\${CONFIG_TEST_OTHER_KEY}" } }`;
const allKeys = '[{ who: backup, may: [wrap], keys: "*" }]';
const anyKind = () =>
  Promise.resolve({ settings: z.looseObject({}), reference: z.looseObject({}) } as unknown as ProviderKind);
const skip = { files: "skip" } as const;

describe("recipients", () => {
  const sameKey = (place: string, first: string) =>
    `${place}: this is the same master key as ${first}: a key's recipients are different master keys`;

  it("of one key are different master keys", async () => {
    const keys = "\n  backups/db:\n    wrapTo:\n      - { provider: local }\n      - { provider: local }";
    expect(await problemsOf(textOf({ keys }))).toEqual([
      sameKey("9:9: keys.backups/db.wrapTo[1]", "keys.backups/db.wrapTo[0]"),
    ]);
  });

  it("are different ones in unwrapOnly too", async () => {
    const keys = "\n  backups/db: { wrapTo: [{ provider: local }], unwrapOnly: [{ provider: local }] }";
    expect(await problemsOf(textOf({ keys }))).toEqual([
      sameKey("6:61: keys.backups/db.unwrapOnly[0]", "keys.backups/db.wrapTo[0]"),
    ]);
  });

  it("are not made different by giving one backend two names", async () => {
    const providers = `
  local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" } }
  again: { keys: { "1": "\${CONFIG_TEST_KEY}" }, kind: env }`;
    const keys = "{ backups/db: { wrapTo: [{ provider: local }, { provider: again }] } }";
    expect(await problemsOf(textOf({ providers, keys }))).toEqual([
      sameKey("6:53: keys.backups/db.wrapTo[1]", "keys.backups/db.wrapTo[0]"),
    ]);
  });

  it("may be of one provider when they are different master keys", async () => {
    const providers = `{ local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}", "2": "\${CONFIG_TEST_OTHER_KEY}" }, primary: "2" } }`;
    const keys =
      '{ backups/db: { wrapTo: [{ provider: local, key: "2" }], unwrapOnly: [{ provider: local, key: "1" }] } }';
    await expect(load(textOf({ providers, keys }))).resolves.toBeDefined();
  });

  it("that must accept a branch key are at most those there are", async () => {
    const keys = "{ backups/db: { wrapTo: [{ provider: local }, { provider: other }], wrapNeeds: 3 } }";
    expect(await problemsOf(textOf({ providers: two, keys }))).toEqual([
      "6:86: keys.backups/db.wrapNeeds: 3 recipients must accept a branch key, and wrapTo lists 2",
    ]);
  });

  it("that accept a branch key are at least those that must open it", async () => {
    const keys = "{ backups/db: { wrapTo: [{ provider: local }, { provider: other }], wrapNeeds: 1, unwrapNeeds: 2 } }";
    expect(await problemsOf(textOf({ providers: two, keys }))).toEqual([
      "6:86: keys.backups/db.wrapNeeds: fewer recipients would hold a branch key than unwrapNeeds (2) asks for",
    ]);
  });

  it("of a quorum are each of another provider, and of a fallback need not be", async () => {
    const providers = `{ local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}", "2": "\${CONFIG_TEST_OTHER_KEY}" }, primary: "2" } }`;
    const keys = (needs: number) =>
      `{ backups/db: { wrapTo: [{ provider: local, key: "2" }, { provider: local, key: "1" }], unwrapNeeds: ${needs} } }`;
    expect(await problemsOf(textOf({ providers, keys: keys(2) }))).toEqual([
      "4:63: keys.backups/db.wrapTo[1]: this is of the same provider as keys.backups/db.wrapTo[0]: " +
        "with unwrapNeeds 2 each recipient is of another one",
    ]);
    await expect(load(textOf({ providers, keys: keys(1) }))).resolves.toBeDefined();
  });

  it("that are one master key by its worldwide name are one, whichever provider has it", async () => {
    const arn = "arn:aws:kms:eu-central-1:111122223333:key/5c1e";
    const keys = `{ backups/db: { wrapTo: [{ provider: one, key: "${arn}" }, { provider: two, key: "${arn}" }] } }`;
    const providers = "{ one: { kind: fake, where: here }, two: { kind: fake, where: there } }";
    expect(await problemsOf(textOf({ providers, keys }), { loadKind: anyKind })).toEqual([
      expect.stringContaining("wrapTo[1]: this is the same master key as keys.backups/db.wrapTo[0]"),
    ]);
    const local = keys.replaceAll(arn, "kb-ledger");
    await expect(load(textOf({ providers, keys: local }), { loadKind: anyKind })).resolves.toBeDefined();
  });

  it("in the daemon's memory beside guarded ones are warned of, unless it takes both or they are retired", async () => {
    const providers = `{ local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" } }, hsm: { kind: fake } }`;
    const loadKind = (kind: KindReference) => (kind.kind === "env" ? realKind(kind) : anyKind());
    const warnings = async (key: string) =>
      await warningsOf(textOf({ providers, keys: `{ backups/db: { ${key} } }` }), { loadKind });
    expect(await warnings("wrapTo: [{ provider: hsm }, { provider: local }]")).toEqual([
      "keys.backups/db.wrapTo[1]: any one recipient opens, so the master key in local, which is in the daemon's memory, " +
        "opens all that hsm guards",
    ]);
    expect(await warnings("wrapTo: [{ provider: hsm }, { provider: local }], unwrapNeeds: 2")).toEqual([]);
    expect(await warnings("wrapTo: [{ provider: hsm }], unwrapOnly: [{ provider: local }]")).toEqual([]);
  });
});

describe("keys", () => {
  it("do not take a name that another has or had", async () => {
    const keys = `
  a: { wrapTo: [{ provider: local }], formerNames: [b, old] }
  b: { wrapTo: [{ provider: local }], formerNames: [old] }`;
    expect(await problemsOf(textOf({ keys, policy: allKeys }))).toEqual([
      '6:53: keys.a.formerNames[0]: "b" is a present key\'s name: a name once used is never given to another key',
      '7:53: keys.b.formerNames[0]: "old" is a former name of a already',
    ]);
  });

  it("do not ask for names in a context that may be empty", async () => {
    const keys = "{ backups/db: { wrapTo: [{ provider: local }], context: { required: false, require: [host] } } }";
    expect(await problemsOf(textOf({ keys }))).toEqual([
      "5:75: keys.backups/db.context.required: false contradicts require, which no empty context has",
    ]);
  });

  it("that no rule speaks of, and providers that no key uses, are warned of", async () => {
    const keys = "{ backups/db: { wrapTo: [{ provider: local }] }, spare: { wrapTo: [{ provider: local }] } }";
    expect(await warningsOf(textOf({ providers: two, keys }))).toEqual([
      "providers.other: no key uses this provider",
      "keys.spare: no rule speaks of this key, so nobody may use it",
    ]);
  });
});

describe("unix listeners", () => {
  const listeners = (more: string) => `\n  sock: { unix: /run/a.sock, identity: backup }\n${more}`;

  it("need an identity", async () => {
    expect(await problemsOf(textOf({ listeners: listeners("  next: { unix: /run/b.sock }") }))).toEqual([
      expect.stringMatching(/^9:3: listeners\.next\.identity: missing; expected a name/),
    ]);
  });

  it("have sockets of their own, however their paths are written", async () => {
    expect(
      await problemsOf(textOf({ listeners: listeners("  next: { unix: /run/x/../a.sock, identity: backup }") })),
    ).toEqual(["9:17: listeners.next.unix: /run/a.sock is the socket of sock already"]);
  });

  it("have paths of at most 100 bytes, not characters", async () => {
    const path = `/run/${"ü".repeat(48)}`;
    expect(await problemsOf(textOf({ listeners: listeners(`  next: { unix: ${path}, identity: backup }`) }))).toEqual([
      "9:17: listeners.next.unix: the socket's path has 101 bytes: at most 100 work everywhere",
    ]);
    await load(textOf({ listeners: listeners(`  next: { unix: ${path.slice(0, -1)}, identity: backup }`) }));
  });

  it("that everyone can open are warned of", async () => {
    expect(
      await warningsOf(textOf({ listeners: '{ sock: { unix: /run/a.sock, identity: backup, mode: "0666" } }' })),
    ).toEqual([
      "listeners.sock.mode: every user of this machine can open the socket and has its identity: use a group instead",
    ]);
  });

  it("have either a socket or an address", async () => {
    const both = "{ sock: { unix: /run/a.sock, tcp: localhost:1, identity: backup } }";
    expect(await problemsOf(textOf({ listeners: both }))).toEqual([
      "7:20: listeners.sock: a listener has either unix or tcp, not both",
    ]);
  });
});

describe("tcp listeners and identities", () => {
  const mesh = (identities: string, more = "") =>
    textOf({
      listeners: `
  sock: { unix: /run/a.sock, identity: backup }
  mesh: { tcp: 127.0.0.1:7443, tls: { cert: /tls.crt, key: /tls.key } }${more}`,
      extra: `identities:${identities}\n`,
    });
  const restore = "\n  restore: { listener: mesh, ca: /ca.pem, spiffe: spiffe://bank.example/restore }";

  it("come together", async () => {
    expect((await load(mesh(restore), skip)).identities.get("restore")).toEqual({
      name: "restore",
      listener: "mesh",
      ca: "/ca.pem",
      spiffe: "spiffe://bank.example/restore",
      dns: undefined,
      crl: undefined,
      token: undefined,
      within: undefined,
      attributes: {},
    });
    expect(await problemsOf(mesh(" {}"), skip)).toEqual([
      "9:3: listeners.mesh: no identity comes in by this listener: add one under identities, with listener and ca or jwt",
    ]);
  });

  it("name each other rightly", async () => {
    const wrong = `${restore}\n  a: { listener: mehs, ca: /ca.pem, dns: a.example }\n  b: { listener: sock, ca: /ca.pem, dns: b.example }`;
    expect(await problemsOf(mesh(wrong), skip)).toEqual([
      '14:18: identities.a.listener: there is no listener "mehs"; did you mean "mesh"?',
      "15:18: identities.b.listener: sock is a unix listener, where no certificate is shown: it names its identity itself",
    ]);
  });

  it("do not let one certificate be two identities", async () => {
    const again = `${restore}\n  again: { listener: mesh, ca: /other.pem, spiffe: spiffe://bank.example/restore }`;
    expect(await problemsOf(mesh(again), skip)).toEqual([
      "14:52: identities.again.spiffe: one certificate could be both this and restore: each name at a listener belongs to one identity",
    ]);
  });

  it("say who they are in exactly one way", async () => {
    const both =
      "\n  x: { listener: mesh, ca: /ca.pem, spiffe: spiffe://a/b, dns: b.example }\n  z: { listener: mesh, ca: /ca.pem }";
    expect(await problemsOf(mesh(both), skip)).toEqual([
      "13:6: identities.x: exactly one of spiffe, dns and jwt says who it is",
      "14:6: identities.z: exactly one of spiffe, dns and jwt says who it is",
    ]);
  });

  it.each([
    "spiffe://Bank.example/x",
    "spiffe://bank.example",
    "spiffe://bank.example/",
    "spiffe://b/*",
    "spiffe://b/a/../c",
    "https://b/x",
    "spiffe://b/x?y",
    "spiffe://b//x",
  ])("refuse %s as a SPIFFE id", async (id) => {
    const [problem] = await problemsOf(mesh(`\n  x: { listener: mesh, ca: /ca.pem, spiffe: "${id}" }`), skip);
    expect(problem).toMatch(/identities\.x\.spiffe: this text does not fit; expected a SPIFFE id/);
  });

  it.each(["*.bank.example", "Bank.example", "a..b", "-a.b", "a_b.c", "a.b.", ""])(
    "refuse %j as a DNS name",
    async (name) => {
      const [problem] = await problemsOf(mesh(`\n  x: { listener: mesh, ca: /ca.pem, dns: "${name}" }`), skip);
      expect(problem).toMatch(/identities\.x\.dns: .*expected a DNS name/);
    },
  );

  it("have addresses of their own", async () => {
    const next = "\n  next: { tcp: 0.0.0.0:7443, tls: { cert: /tls.crt, key: /tls.key } }";
    const identities = `${restore}\n  x: { listener: next, ca: /ca.pem, dns: x.example }`;
    expect(await problemsOf(`${mesh(identities, next)}metrics: { listen: "127.0.0.1:7443" }\n`, skip)).toEqual([
      "10:16: listeners.next.tcp: 0.0.0.0:7443 is the address of mesh already",
      "16:20: metrics.listen: 127.0.0.1:7443 is the address of mesh already",
    ]);
  });

  it("may both leave the port to the kernel", async () => {
    const next = "\n  next: { tcp: 127.0.0.1:0, tls: { cert: /tls.crt, key: /tls.key } }";
    const identities = `${restore}\n  x: { listener: next, ca: /ca.pem, dns: x.example }`;
    await load(`${mesh(identities, next)}metrics: { listen: "127.0.0.1:0" }\n`, skip);
  });

  it("take paths, not what is in the files", async () => {
    const text = mesh('\n  x: { listener: mesh, ca: "-----BEGIN CERTIFICATE-----", dns: a.example }');
    expect(await problemsOf(text, skip)).toEqual([
      "13:28: identities.x.ca: this text does not fit; expected the path of a PEM file, not what is in the file",
    ]);
  });
});

describe("metrics", () => {
  it("on more than loopback are warned of", async () => {
    expect(await warningsOf(textOf({ extra: "metrics: { listen: 0.0.0.0:9464 }\n" }))).toEqual([
      "metrics.listen: this is plain HTTP without authentication: listen on a loopback address",
    ]);
    expect(await warningsOf(textOf({ extra: "metrics: { listen: localhost:9464 }\n" }))).toEqual([]);
  });
});

describe("rules", () => {
  it.each([
    [
      "an identity nobody has",
      '[{ who: bakcup, may: wrap, keys: "*" }]',
      'policy[0].who: there is no identity "bakcup"; did you mean "backup"?',
    ],
    [
      "a key that is not there",
      "[{ who: backup, may: wrap, keys: backup/db }]",
      'policy[0].keys: no key is "backup/db": this could never allow anything; did you mean "backups/db"?',
    ],
    [
      "a prefix that no key has",
      '[{ who: backup, may: wrap, keys: ["*", "backup/*"] }]',
      'policy[0].keys[1]: no key is "backup/*": this could never allow anything; did you mean "backups/*"?',
    ],
    [
      "status of single keys",
      '[{ who: backup, may: [wrap, admin.status], keys: "backups/*" }]',
      'policy[0].may[1]: admin.status is about no key: it could never be allowed unless keys is "*"',
    ],
    [
      "nobody",
      "[{ who: [], may: wrap, keys: backups/db }]",
      "policy[0].who: an empty list; expected the name of an identity or group or a list of them",
    ],
    [
      "a wildcard inside a name",
      '[{ who: backup, may: wrap, keys: "backups/*/x" }]',
      'policy[0].keys: this text does not fit; expected a key name, "prefix/*" for all below it, or "*" for every key',
    ],
    ["a wildcard for everyone", '[{ who: "*", may: wrap, keys: "*" }]', "policy[0].who: "],
    [
      "the same twice",
      '[{ who: [backup, backup], may: wrap, keys: "*" }]',
      "policy[0].who: the same stands here twice",
    ],
  ])("that allow nothing or too much are refused: %s", async (_, policy, expected) => {
    expect((await problemsOf(textOf({ policy })))[0]).toContain(expected);
  });

  it("speak of present names", async () => {
    const keys = "{ backups/db: { wrapTo: [{ provider: local }], formerNames: [old] } }";
    const policy = "[{ who: backup, may: wrap, keys: [backups/db, old] }]";
    expect(await problemsOf(textOf({ keys, policy }))).toEqual([
      '8:55: policy[0].keys[1]: "old" is a former name: rules speak of present ones; did you mean "backups/db"?',
    ]);
  });

  it("may name one thing or several", async () => {
    const { policy } = await load(
      textOf({
        policy:
          '[{ who: backup, may: wrap, keys: "*" }, { who: [backup], may: [unwrap], keys: [backups/db, "backups/*"] }]',
      }),
    );
    expect(policy).toMatchObject([
      { who: ["backup"], may: ["wrap"], keys: ["*"] },
      { who: ["backup"], may: ["unwrap"], keys: ["backups/db", "backups/*"] },
    ]);
  });

  it("that help nobody are warned of", async () => {
    const listeners = "{ sock: { unix: /run/a.sock, identity: backup }, more: { unix: /run/b.sock, identity: idle } }";
    const policy = '[{ who: backup, may: [wrap, admin.keys.list], keys: "*" }]';
    expect(await warningsOf(textOf({ listeners, policy }))).toEqual([
      'listeners.more.identity: no rule speaks of the identity "idle", so it may do nothing',
      "policy[0].may[1]: backup comes in by no listener with admin: true, so admin.keys.list is of no use to it",
    ]);
    expect(await warningsOf(textOf({ policy: "[]" }))).toEqual(["policy: there is no rule, so nobody may do anything"]);
  });
});
