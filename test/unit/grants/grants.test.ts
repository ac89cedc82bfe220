// Grants: who may approve, what a document lets through, how often, and for how long.

import { fc, test as property } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseDocument, statementText } from "../../../src/grants/index.ts";
import { openStore } from "../../../src/store/index.ts";
import { createSetting, document, fingerprint, needs, question, startMs, statement, type Setting } from "./setting.ts";

let setting: Setting;
beforeEach(() => {
  setting = createSetting();
});
afterEach(() => setting.end());

/** A document that two approvers signed. */
function approved(changes: Parameters<typeof statement>[0] = {}): string {
  return document(statement(changes), setting.keys.dba, setting.keys.security);
}

const denied = (words: string) => ({ reason: "DENIED", message: expect.stringContaining(words) as string });
const invalid = (words: string) => ({ reason: "REQUEST_INVALID", message: expect.stringContaining(words) as string });

describe("approval", () => {
  const required = (text: string) => setting.grants().require(question({ document: text }));

  it("takes the signatures of as many approvers as the rule says", async () => {
    const { keys } = setting;
    await expect(required(document(statement()))).rejects.toMatchObject(denied("0 of 2 approvals"));
    await expect(required(document(statement(), keys.dba))).rejects.toMatchObject(denied("1 of 2 approvals, by dba"));
    const used = await required(document(statement(), keys.dba, keys.security));
    expect(used.approvers).toEqual(["dba", "security"]);
  });

  it("counts each approver once", async () => {
    const { dba } = setting.keys;
    await expect(required(document(statement(), dba, dba))).rejects.toMatchObject(denied("1 of 2"));
  });

  it("is never the requester's", async () => {
    const { dba, security, lead } = setting.keys;
    const own = statement({ requester: "dba" });
    await expect(required(document(own, dba, security))).rejects.toMatchObject(denied("1 of 2 approvals, by security"));
    expect((await required(document(own, dba, security, lead))).approvers).toEqual(["lead", "security"]);
  });

  it("is never that of whoever acts as the identity that asks, or that receives", async () => {
    const { dba, lead } = setting.keys;
    const asked = document(statement({ requester: "restore" }), dba, lead);
    await expect(required(asked)).rejects.toMatchObject(denied("1 of 2 approvals, by dba"));
    const received = setting.grants().read(document(statement({ identity: "restore" }), dba, lead));
    expect(received.approvers).toEqual(["dba"]);
  });

  it("is nobody's whom the rule or the configuration does not name", async () => {
    const { dba, security, stranger } = setting.keys;
    await expect(required(document(statement(), dba, stranger))).rejects.toMatchObject(denied("1 of 2"));
    const narrow = question({ document: approved(), needs: [{ ...needs, from: ["dba", "lead"] }] });
    await expect(setting.grants().require(narrow)).rejects.toMatchObject(denied("1 of 2 approvals, by dba"));
    expect((await required(document(statement(), stranger, dba, security))).approvers).toEqual(["dba", "security"]);
  });

  it("is for one document", async () => {
    const { dba, security } = setting.keys;
    const [one, other] = [statementText(statement()), statementText(statement())];
    const mixed = one + dba.sign(one) + security.sign(other);
    await expect(required(mixed)).rejects.toMatchObject(denied("the document was changed"));
    const elsewhere = one + dba.sign(one) + security.sign(one, { namespace: "file" });
    await expect(required(elsewhere)).rejects.toMatchObject(denied("the document was changed"));
  });
});

describe("a document", () => {
  it("is spoilt by every changed, lost or added byte but line ends within a signature", () => {
    const text = document(statement({ when: [{ name: "host", is: { oneOf: ["db1"] } }] }), setting.keys.dba);
    const whole = Buffer.from(text, "latin1");
    const taken: number[] = [];
    for (let place = 0; place < whole.length; place++) {
      for (const edit of [flipped(whole, place), without(whole, place), doubled(whole, place)]) {
        if (isGrant(edit)) taken.push(place);
      }
    }
    // Line ends within a signature alone may be missing, as editors and chats leave it.
    const begin = text.indexOf("-----BEGIN SSH SIGNATURE-----\n") + 30;
    expect(taken.every((place) => place >= begin && whole[place] === 0x0a)).toBe(true);
    expect(taken).toContain(whole.length - 1);
  });

  it.each([
    ["no reason", { reason: "" }],
    ["a reason with a line end", { reason: "one\nmax-unwraps: 9" }],
    ["a reason that is not ASCII", { reason: "Störung" }],
    ["no keys", { keys: [] }],
    ["a key twice", { keys: ["backups/db", "backups/db"] }],
    ["what is no pattern", { keys: ["backups/*/db"] }],
    ["no unwraps", { maxUnwraps: 0 }],
    ["an end before its beginning", { untilMs: startMs }],
    ["parts of a second", { fromMs: startMs + 1 }],
    ["a requester with a line end", { requester: "alice\nrealm: prod" }],
  ])("does not have %s", (_what, changes) => {
    expect(() => statementText(statement(changes))).toThrow(
      expect.objectContaining({ reason: "REQUEST_INVALID" }) as Error,
    );
  });

  it("has an id that stands for all it says", () => {
    const one = statement();
    const ids = [{}, { keys: ["backups/db"] }, { maxUnwraps: 3 }, { reason: "INC-1" }, { requester: "bob" }].map(
      (changes) => setting.grants().read(document({ ...one, ...changes })).id,
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(setting.grants().read(document(one, setting.keys.dba)).id).toBe(ids[0]);
  });

  it("shows characters that look like others by their numbers", () => {
    const text = statementText(statement({ when: [{ name: "host", is: { oneOf: ["d\u0431\u202e1"] } }] }));
    expect(text).toContain('when: context.host == "d\\u0431\\u202e1"\n');
    expect(parseDocument(text).statement.when).toEqual([{ name: "host", is: { oneOf: ["d\u0431\u202e1"] } }]);
  });

  const names = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
  const values = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => text.isWellFormed());
  const statements = fc.record({
    realm: names,
    identity: names,
    keys: fc.uniqueArray(names, { minLength: 1, maxLength: 4 }),
    when: fc.array(
      fc.record({ name: names, is: fc.record({ oneOf: fc.uniqueArray(values, { minLength: 1, maxLength: 3 }) }) }),
      { maxLength: 3 },
    ),
    reason: fc.stringMatching(/^[!-~]([ -~]{0,100}[!-~])?$/),
    requester: names,
    maxUnwraps: fc.integer({ min: 1, max: 1_000_000 }),
  });

  property.prop([statements])("is read as it was written", (said) => {
    const whole = statement(said);
    expect(parseDocument(statementText(whole)).statement).toEqual(whole);
  });

  property.prop([fc.string({ unit: "binary", maxLength: 300 })])("is nothing else", (text) => {
    const invalidly = expect.objectContaining({ reason: "REQUEST_INVALID" }) as Error;
    expect(() => parseDocument(text)).toThrow(invalidly);
    expect(() => parseDocument(statementText(statement()) + text.padEnd(1))).toThrow(invalidly);
  });
});

function flipped(whole: Buffer, place: number): Buffer {
  const edit = Buffer.from(whole);
  edit[place]! ^= 1;
  return edit;
}

function without(whole: Buffer, place: number): Buffer {
  return Buffer.concat([whole.subarray(0, place), whole.subarray(place + 1)]);
}

function doubled(whole: Buffer, place: number): Buffer {
  return Buffer.concat([whole.subarray(0, place), Buffer.from(" "), whole.subarray(place)]);
}

function isGrant(bytes: Buffer): boolean {
  try {
    // Whose key an edited signature is of, is not asked here: it must be genuine, and the same key.
    const text = bytes.toString("latin1");
    return parseDocument(text).signers.some(({ blob }) => blob.equals(setting.keys.dba.blob));
  } catch {
    return false;
  }
}

describe("what is let through", () => {
  const attempt = (text: string, changes: Parameters<typeof question>[0] = {}) =>
    setting.grants().require(question({ document: text, ...changes }));

  it("is the identity's alone, for its keys, context and realm", async () => {
    const other = { ...question().identity, name: "restore" };
    await expect(attempt(approved(), { identity: other })).rejects.toMatchObject(denied("for identity breakglass"));
    await expect(attempt(approved({ keys: ["backups/db"] }), { key: "backups/db2" })).rejects.toMatchObject(
      denied("not for key"),
    );
    await expect(attempt(approved({ realm: "test" }))).rejects.toMatchObject(denied("for realm test"));
    const conditioned = approved({ when: [{ name: "host", is: { oneOf: ["db2"] } }] });
    await expect(attempt(conditioned)).rejects.toMatchObject(denied("conditions"));
    await expect(attempt(conditioned, { context: undefined })).rejects.toMatchObject(denied("conditions"));
    await expect(attempt(conditioned, { context: { host: "db2" } })).resolves.toMatchObject({ isNew: true });
  });

  it("is within its time", async () => {
    const text = approved();
    for (const [nowMs, words] of [
      [startMs - 1, "it opens at"],
      [startMs + 3_600_000, "it ended at"],
    ] as const) {
      setting.nowMs = nowMs;
      await expect(attempt(text)).rejects.toMatchObject(denied(words));
    }
    setting.nowMs = startMs + 3_599_999;
    await expect(attempt(text)).resolves.toMatchObject({ isNew: true });
  });

  it("is not more than the rule lets anyone approve", async () => {
    await expect(attempt(approved({ untilMs: startMs + 5 * 3_600_000 }))).rejects.toMatchObject(denied("300 minutes"));
    await expect(attempt(approved({ maxUnwraps: 51 }))).rejects.toMatchObject(denied("51 envelopes"));
  });

  it("meets what both rules ask for, where a token is within another identity", async () => {
    const within = { ...question().identity, name: "outer" };
    const identity = { ...question().identity, name: "inner", within };
    const three = { ...needs, approvals: 3 };
    const text = approved({ identity: "outer" });
    await expect(attempt(text, { identity, needs: [needs, three] })).rejects.toMatchObject(denied("2 of 3"));
    await expect(attempt(text, { identity, needs: [needs, needs] })).resolves.toMatchObject({ isNew: true });
  });

  it("counts distinct envelopes", async () => {
    const text = approved();
    const use = (number: number) => attempt(text, { envelope: fingerprint(number) });
    await expect(use(1)).resolves.toMatchObject({ isNew: true });
    await expect(use(1)).resolves.toMatchObject({ isNew: false });
    await expect(use(2)).resolves.toMatchObject({ isNew: true });
    await expect(use(3)).rejects.toMatchObject(denied("2 envelopes are spent"));
    await expect(use(2)).resolves.toMatchObject({ isNew: false });
  });
});

describe("an opened grant", () => {
  it("lets calls through that bring none, in every process of the store", async () => {
    await expect(setting.grants().require(question())).rejects.toMatchObject(denied("keybroker grant request"));
    const { id } = await setting.grants().open(approved());
    const other = openStore(`${setting.folder}/store.db`);
    await expect(setting.grants({ store: other }).require(question())).resolves.toMatchObject({ id, isNew: true });
    await other.close();
    await expect(setting.grants().list()).resolves.toMatchObject([{ id, uses: 1, approvers: ["dba", "security"] }]);
  });

  it("must be one that a rule would take", async () => {
    const { keys } = setting;
    const open = (text: string) => setting.grants().open(text);
    await expect(open(document(statement(), keys.dba))).rejects.toMatchObject(invalid("1 of 2"));
    await expect(open(approved({ identity: "nobody" }))).rejects.toMatchObject(invalid("no rule asks"));
    await expect(open(approved({ realm: "test" }))).rejects.toMatchObject(invalid("realm test"));
    setting.nowMs = startMs + 4_000_000;
    await expect(open(approved())).rejects.toMatchObject(invalid("it ended"));
    await expect(open("hello")).rejects.toMatchObject(invalid("no grant"));
  });

  it("may be opened before it begins, and again", async () => {
    setting.nowMs = startMs - 3_600_000;
    const text = approved();
    const { id } = await setting.grants().open(text);
    await expect(setting.grants().require(question())).rejects.toMatchObject(denied("it opens at"));
    setting.nowMs = startMs;
    await setting.grants().require(question());
    await expect(setting.grants().open(text)).resolves.toMatchObject({ id, uses: 1 });
  });

  it("gives way to the next when it is spent", async () => {
    await setting.grants().open(approved({ maxUnwraps: 1 }));
    await setting.grants().open(approved({ maxUnwraps: 1, untilMs: startMs + 7_200_000 }));
    const use = (number: number) => setting.grants().require(question({ envelope: fingerprint(number) }));
    const [one, other] = [await use(1), await use(2)];
    expect(one.statement.untilMs).toBeLessThan(other.statement.untilMs);
    await expect(use(3)).rejects.toMatchObject(denied("spent"));
  });

  it("counts no more for an approver who is one no longer", async () => {
    await setting.grants().open(approved());
    const approvers = new Map();
    const later = setting.grants({ store: setting.store, change: { approvers } });
    await expect(later.require(question())).rejects.toMatchObject(denied("0 of 2"));
  });
});

describe("a revoked grant", () => {
  it("lets nothing through, from the store or as a file, and does not open again", async () => {
    const text = approved();
    const { id } = await setting.grants().open(text);
    await setting.grants().require(question());
    await expect(setting.grants().revoke(id)).resolves.toBe(true);
    await expect(setting.grants().revoke(id)).resolves.toBe(false);
    await expect(setting.grants().require(question())).rejects.toMatchObject({ reason: "DENIED" });
    await expect(setting.grants().require(question({ document: text }))).rejects.toMatchObject(denied("revoked"));
    await expect(setting.grants().open(text)).rejects.toMatchObject(invalid("revoked"));
  });

  it("may be one that was never opened, and stays revoked when the store is away", async () => {
    const text = approved();
    const { id } = setting.grants().read(text);
    await setting.grants().revoke(id);
    const alone = setting.grants({ store: undefined });
    await expect(alone.require(question({ document: text }))).rejects.toMatchObject(denied("revoked"));
  });
});
