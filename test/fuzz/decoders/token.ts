// Bearer tokens: what is not an issuer's own word for this audience is refused.

import { createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";
import * as jose from "jose";
import { verifyToken } from "../../../src/identity/verify-token.ts";
import type { KeySource } from "../../../src/identity/key-source.ts";
import { bytesOf, must, textOf, type Decoder } from "../decoder.ts";

/** Keys that are worth nothing, the same in every run: a kept token must still be judged as it was. */
const ed25519 = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 9)]),
  format: "der",
  type: "pkcs8",
});
const jwk = { ...createPublicKey(ed25519).export({ format: "jwk" }), kid: "one", alg: "EdDSA", use: "sig" };

/** The issuer's keys as a text. */
export const keySetText = JSON.stringify({ keys: [jwk] });

const nowMs = Date.UTC(2026, 10, 21);
const nowS = nowMs / 1_000;
const wanted = {
  issuer: "https://issuer.example",
  audience: "keybroker",
  subject: "system:serviceaccount:a:b",
  algorithms: ["EdDSA"],
  keys: { file: "/none" },
  maxLifetimeMs: 600_000,
  clockSkewMs: 30_000,
  claims: { tenant: "/k/tenant" },
};
const claims = {
  iss: wanted.issuer,
  aud: wanted.audience,
  sub: wanted.subject,
  iat: nowS - 60,
  exp: nowS + 300,
  k: { tenant: "blue" },
};

function tokenOf(header: object, payload: object, key: KeyObject = ed25519): string {
  const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}

const header = { alg: "EdDSA", kid: "one", typ: "JWT" };
const good = [
  tokenOf(header, claims),
  tokenOf({ alg: "EdDSA" }, { ...claims, aud: ["x", "keybroker"], nbf: nowS - 1 }),
];
/** Rightly signed, and to be refused. */
const bad = [
  tokenOf({ alg: "none" }, claims),
  tokenOf({ ...header, alg: "HS256" }, claims),
  tokenOf(header, { ...claims, exp: nowS - 3_600 }),
  tokenOf(header, { ...claims, exp: nowS + 360_000 }),
  tokenOf(header, { ...claims, exp: "1e99" }),
  tokenOf(header, { ...claims, iat: nowS + 3_000, exp: nowS + 3_300 }),
  tokenOf(header, { ...claims, aud: "other" }),
  tokenOf(header, { ...claims, k: { tenant: ["blue"] } }),
  tokenOf({ ...header, crit: ["b64"], b64: false }, claims),
  tokenOf({ ...header, jwk }, { ...claims, sub: "other" }),
];
const accepted = new Set(good.map((token) => token.slice(0, token.lastIndexOf("."))));

const set = JSON.parse(keySetText) as { keys: { kty: string }[] };
const source = {
  generation: 1,
  keys: () => Promise.resolve({ set, generation: 1 }),
  missed: () => Promise.resolve(),
  touch: () => undefined,
  reread: () => undefined,
} as unknown as KeySource;

export const token: Decoder = {
  name: "token",
  seeds: [...good, ...bad].map(bytesOf),
  words: [
    ".",
    "..",
    "eyJhbGciOiJub25lIn0",
    "e30",
    "=",
    "-",
    "_",
    "\u0000",
    " ",
    ...good.flatMap((one) => one.split(".")),
  ],
  async check(input) {
    const given = textOf(input);
    const proof = await verifyToken(jose, given, wanted, source, nowMs);
    if (proof.why !== undefined) return `refused: ${proof.why}`;
    must(accepted.has(given.slice(0, given.lastIndexOf("."))), "what counts was signed by the issuer, and for us");
    must(proof.attributes["tenant"] === "blue", "attributes are the claims'");
    return "verified";
  },
};
