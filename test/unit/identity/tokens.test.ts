import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fc, test } from "@fast-check/vitest";
import type { IdentityConfiguration, TokenConfiguration } from "../../../src/config/index.ts";
import { bearerToken, createIdentities } from "../../../src/identity/index.ts";
import type { Channel, Identities, IdentityEvents } from "../../../src/identity/index.ts";
import * as setting from "./tokens-setting.ts";
import type { IssuerKey } from "./tokens-setting.ts";

let folder: string;
let key: IssuerKey;
let rsa: IssuerKey;
let nowMs: number;
let refused: string[];
let heard: string[];
const open: Identities[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tokens-"));
  key = setting.issuerKey("one");
  rsa = setting.issuerKey("rsa", "RS256");
});
beforeEach(() => {
  nowMs = Date.now();
  refused = [];
  heard = [];
  setting.writeKeySet(join(folder, "jwks.json"), [key, rsa]);
  return () => open.splice(0).forEach((one) => one.close());
});
afterAll(() => rmSync(folder, { recursive: true }));

const events: IdentityEvents = {
  renewed: (what) => void heard.push(`renewed ${what}`),
  kept: (what) => void heard.push(`kept ${what}`),
  unreachable: () => undefined,
  tokenRefused: (listener, why) => void refused.push(`${listener} ${why}`),
};

const file = () => ({ file: join(folder, "jwks.json") });

async function identitiesOf(...entries: readonly IdentityConfiguration[]) {
  const made = await createIdentities(setting.configurationOf(entries), { clock: () => nowMs, events });
  open.push(made);
  return { ...made, ofToken: (channel: Channel, text: string) => made.ofToken(channel, bearerToken(text)) };
}

function ledger(more: Partial<TokenConfiguration> = {}, identity: Partial<IdentityConfiguration> = {}) {
  return setting.identityOf("ledger", { token: setting.tokenSettings({ keys: file(), ...more }), ...identity });
}

/** TLS without a certificate. */
const bare: Channel = { listener: "mesh", proves: false, identity: undefined };

const claims = (more: object = {}) => setting.claimsAt(nowMs, more);
const seconds = (ms: number) => Math.floor(ms / 1_000);

describe("a token", () => {
  it("is who its issuer, subject and audience say", async () => {
    const found = await (await identitiesOf(ledger())).ofToken(bare, setting.signed(key, claims()));
    expect(found).toEqual({ name: "ledger", attributes: {} });
    expect(refused).toEqual([]);
  });

  it("is answered at once when it was verified before, as the same object", async () => {
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims());
    const first = await identities.ofToken(bare, token);
    expect(identities.ofToken(bare, token)).toBe(first);
  });

  it("counts with one audience as a text, and without a key id where one of several keys fits", async () => {
    setting.writeKeySet(join(folder, "jwks.json"), [setting.issuerKey("zero"), key]);
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims({ aud: setting.audience }), { kid: undefined });
    expect(await identities.ofToken(bare, token)).toMatchObject({ name: "ledger" });
  });

  const wrong: [string, string, () => string][] = [
    ["another issuer", "unknown", () => setting.signed(key, claims({ iss: "https://issuer.test/" }))],
    ["another subject", "unknown", () => setting.signed(key, claims({ sub: `${setting.subject}2` }))],
    ["no subject", "unknown", () => setting.signed(key, claims({ sub: undefined }))],
    ["a list of subjects", "unknown", () => setting.signed(key, claims({ sub: [setting.subject] }))],
    ["another audience", "claim", () => setting.signed(key, claims({ aud: ["other"] }))],
    ["no audience", "claim", () => setting.signed(key, claims({ aud: undefined }))],
    ["part of the audience", "claim", () => setting.signed(key, claims({ aud: ["keybroker"] }))],
    ["no end", "claim", () => setting.signed(key, claims({ exp: undefined }))],
    ["no beginning", "claim", () => setting.signed(key, claims({ iat: undefined }))],
    ["an end as text", "claim", () => setting.signed(key, claims({ exp: "9999999999" }))],
    ["a beginning ahead", "claim", () => setting.signed(key, claims({ iat: seconds(nowMs) + 60 }))],
    ["nbf ahead", "claim", () => setting.signed(key, claims({ nbf: seconds(nowMs) + 60 }))],
    ["an end in the past", "expired", () => setting.signed(key, claims({ iat: 1, exp: seconds(nowMs) - 31 }))],
    ["a long life", "lifetime", () => setting.signed(key, claims({ exp: seconds(nowMs) + 601 }))],
    [
      "an end before its beginning",
      "lifetime",
      () => {
        return setting.signed(key, claims({ iat: seconds(nowMs) + 20, exp: seconds(nowMs) + 10 }));
      },
    ],
    ["another key under the same id", "signature", () => setting.signed(setting.issuerKey("one"), claims())],
    ["a key id that is not there", "key", () => setting.signed(key, claims(), { kid: "two" })],
    ["an algorithm that is not listed", "algorithm", () => setting.signed(rsa, claims())],
    ["an algorithm that the key is not for", "algorithm", () => setting.signed(key, claims(), { alg: "RS256" })],
    ["HMAC by the public key", "algorithm", () => setting.signedByHmac(key, claims())],
    ["no signature", "form", () => setting.unsigned(claims())],
    ["alg none with some signature", "algorithm", () => setting.unsigned(claims(), "AAAA")],
    ["a critical header that nobody knows", "algorithm", () => setting.signed(key, claims(), { crit: ["x"], x: 1 })],
    [
      "its own key in the header",
      "key",
      () => {
        const own = setting.issuerKey("own");
        return setting.signed(own, claims(), { jwk: setting.jwkOf(own) });
      },
    ],
    ["encryption", "form", () => "a.b.c.d.e"],
    ["nothing", "form", () => ""],
    ["nonsense", "form", () => "not a token"],
    ["standard base64", "form", () => `${setting.signed(key, claims())}==`],
    ["too many bytes", "form", () => setting.signed(key, claims({ more: "x".repeat(8_192) }))],
  ];

  it.each(wrong)("with %s is nobody (%s)", async (_, why, token) => {
    const identities = await identitiesOf(ledger());
    expect(await identities.ofToken(bare, token())).toBeUndefined();
    expect(refused).toEqual([`mesh ${why}`]);
  });

  it("ends for good at its end and the clocks' difference, though it was verified before", async () => {
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims());
    expect(await identities.ofToken(bare, token)).toBeDefined();
    nowMs = seconds(nowMs) * 1_000 + 600_000 + 29_999;
    expect(await identities.ofToken(bare, token)).toBeDefined();
    nowMs += 1;
    expect(await identities.ofToken(bare, token)).toBeUndefined();
  });

  it("is nobody at a listener without tokens, and at another than its own", async () => {
    const token = setting.signed(key, claims());
    expect(await (await identitiesOf()).ofToken(bare, token)).toBeUndefined();
    expect(await (await identitiesOf(ledger())).ofToken({ ...bare, listener: "other" }, token)).toBeUndefined();
  });

  it("is nobody when two identities match", async () => {
    const second = { ...ledger({ audience: "other" }), name: "second" };
    const identities = await identitiesOf(ledger(), second);
    expect(await identities.ofToken(bare, setting.signed(key, claims({ aud: [setting.audience, "other"] })))).toBe(
      undefined,
    );
    expect(await identities.ofToken(bare, setting.signed(key, claims()))).toMatchObject({ name: "ledger" });
    expect(await identities.ofToken(bare, setting.signed(key, claims({ aud: "other" })))).toMatchObject({
      name: "second",
    });
    expect(refused).toEqual(["mesh several"]);
  });
});

test.prop([fc.string({ unit: "binary" })], { numRuns: 200 })(
  "any text as a token is nobody, without a fault",
  async (text) => {
    const identities = await identitiesOf(ledger());
    expect(await identities.ofToken(bare, text)).toBeUndefined();
    expect(await identities.ofToken(bare, `${text}.${text}.${text}`)).toBeUndefined();
  },
);

test.prop([fc.nat(), fc.integer({ min: 1, max: 255 })], { numRuns: 60 })(
  "a token with any byte changed is nobody",
  async (at, by) => {
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims());
    const parts = token.split(".").map((part) => Buffer.from(part, "base64url"));
    const part = parts[at % 3]!;
    part[at % part.length]! ^= by;
    const changed = parts.map((one) => one.toString("base64url")).join(".");
    expect(await identities.ofToken(bare, changed)).toBeUndefined();
  },
);

describe("claims", () => {
  const kubernetes = { "kubernetes.io": { namespace: "payments", "a/b~c": "odd" } };
  const mapped = { tenant: "/kubernetes.io/namespace" };

  it("give attributes beside those of the configuration", async () => {
    const identities = await identitiesOf(
      ledger({ claims: { ...mapped, odd: "/kubernetes.io/a~1b~0c" } }, { attributes: { env: "prod" } }),
    );
    const found = await identities.ofToken(bare, setting.signed(key, claims(kubernetes)));
    expect(found).toEqual({ name: "ledger", attributes: { env: "prod", tenant: "payments", odd: "odd" } });
  });

  it.each([
    ["are missing", {}],
    ["are no text", { "kubernetes.io": { namespace: ["payments"] } }],
    ["are empty", { "kubernetes.io": { namespace: "" } }],
    ["are too long", { "kubernetes.io": { namespace: "x".repeat(1_025) } }],
  ])("that %s refuse the token", async (_, more) => {
    const identities = await identitiesOf(ledger({ claims: mapped }));
    expect(await identities.ofToken(bare, setting.signed(key, claims(more)))).toBeUndefined();
    expect(refused).toEqual(["mesh claim"]);
  });

  it("are found among the token's own alone", async () => {
    const identities = await identitiesOf(ledger({ claims: { tenant: "/constructor/name" } }));
    expect(await identities.ofToken(bare, setting.signed(key, claims()))).toBeUndefined();
  });
});

describe("over a channel that proves somebody", () => {
  const within = { listener: "sock", within: "agent" };

  it("a token narrows a socket's identity", async () => {
    const identities = await identitiesOf(ledger({}, within));
    const agent = identities.ofSocket("sock");
    const channel = { listener: "sock", proves: true, identity: agent };
    const token = setting.signed(key, claims());
    const found = await identities.ofToken(channel, token);
    expect(found).toEqual({ name: "ledger", attributes: {}, within: { name: "agent", attributes: {} } });
    expect(identities.ofToken(channel, token)).toBe(found);
  });

  it.each([
    ["another identity", { name: "other", attributes: {} }],
    ["nobody", undefined],
  ])("a token is refused where the channel is %s", async (_, identity) => {
    const identities = await identitiesOf(ledger({}, { within: "agent" }));
    const token = setting.signed(key, claims());
    expect(
      await identities.ofToken({ listener: "mesh", proves: identity !== undefined, identity }, token),
    ).toBeUndefined();
    expect(refused).toEqual(["mesh channel"]);
  });

  it.each([
    ["an identity of its own", { name: "restore", attributes: {} }],
    ["the same name", { name: "ledger", attributes: {} }],
    ["nobody, by a certificate", undefined],
  ])("a token that should come alone is refused beside %s", async (_, identity) => {
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims());
    expect(await identities.ofToken({ listener: "mesh", proves: true, identity }, token)).toBeUndefined();
    expect(refused).toEqual(["mesh channel"]);
    // Nor once it was accepted where it may stand alone.
    expect(await identities.ofToken(bare, token)).toBeDefined();
    expect(identities.ofToken({ listener: "mesh", proves: true, identity }, token)).toBeUndefined();
  });
});

describe("the issuer's keys in a file", () => {
  it("are read again when it changed: a withdrawn key ends what was verified with it", async () => {
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims());
    expect(await identities.ofToken(bare, token)).toBeDefined();
    const next = setting.issuerKey("next");
    setting.writeKeySet(join(folder, "jwks.json"), [next]);
    await identities.refresh();
    expect(heard).toEqual(["renewed keys"]);
    expect(await identities.ofToken(bare, token)).toBeUndefined();
    expect(await identities.ofToken(bare, setting.signed(next, claims()))).toBeDefined();
  });

  it.each([
    ["nothing", ""],
    ["half a set", '{"keys": [{"kty":'],
    ["no usable key", '{"keys": []}'],
    ["a symmetric key", '{"keys": [{"kty": "oct", "k": "AAAA"}]}'],
    ["a private key", () => JSON.stringify({ keys: [key.privateKey.export({ format: "jwk" })] })],
  ])("stay as they were while there is %s in it", async (_, text) => {
    const identities = await identitiesOf(ledger());
    const token = setting.signed(key, claims());
    writeFileSync(join(folder, "jwks.json"), typeof text === "string" ? text : text());
    await identities.refresh();
    expect(heard).toEqual(["kept keys"]);
    expect(await identities.ofToken(bare, token)).toBeDefined();
  });
});
