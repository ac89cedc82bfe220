// An issuer of tokens for tests, and identities that believe it.

import { createSign, generateKeyPairSync, createHmac, sign, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { Configuration, IdentityConfiguration, TokenConfiguration } from "../../../src/config/index.ts";

const base64url = (value: object | Uint8Array) =>
  (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(JSON.stringify(value))).toString("base64url");

/** A key pair that signs ES256 unless it is RSA. */
export interface IssuerKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly algorithm: "ES256" | "RS256";
}

export function issuerKey(kid: string, algorithm: IssuerKey["algorithm"] = "ES256"): IssuerKey {
  const pair =
    algorithm === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid, algorithm, ...pair };
}

/** The key as a JWKS has it. */
export function jwkOf({ kid, publicKey, algorithm }: IssuerKey, more: object = {}): object {
  return { ...publicKey.export({ format: "jwk" }), kid, alg: algorithm, use: "sig", ...more };
}

export function keySetText(keys: readonly IssuerKey[]): string {
  return JSON.stringify({ keys: keys.map((key) => jwkOf(key)) });
}

export function writeKeySet(file: string, keys: readonly IssuerKey[]): void {
  writeFileSync(file, keySetText(keys));
}

/** Signs what is asked for, in order or not. */
export function signed(key: IssuerKey, claims: object, header: object = {}): string {
  const content = `${base64url({ alg: key.algorithm, typ: "JWT", kid: key.kid, ...header })}.${base64url(claims)}`;
  const signature =
    key.algorithm === "ES256"
      ? sign("sha256", Buffer.from(content), { key: key.privateKey, dsaEncoding: "ieee-p1363" })
      : createSign("sha256").update(content).sign(key.privateKey);
  return `${content}.${base64url(signature)}`;
}

/** Signs with HMAC, by a text that everyone knows: the public key. */
export function signedByHmac(key: IssuerKey, claims: object): string {
  const pem = key.publicKey.export({ type: "spki", format: "pem" });
  const content = `${base64url({ alg: "HS256", typ: "JWT", kid: key.kid })}.${base64url(claims)}`;
  return `${content}.${base64url(createHmac("sha256", pem).update(content).digest())}`;
}

/** `alg: none`, with the signature that is given. */
export function unsigned(claims: object, signature = ""): string {
  return `${base64url({ alg: "none" })}.${base64url(claims)}.${signature}`;
}

const issuer = "https://issuer.test";
export const subject = "system:serviceaccount:payments:ledger";
export const audience = "keybroker-test";

/** Claims that are in order at this time, in milliseconds. */
export function claimsAt(nowMs: number, more: object = {}): object {
  const now = Math.floor(nowMs / 1_000);
  return { iss: issuer, sub: subject, aud: [audience], iat: now, exp: now + 600, ...more };
}

export function tokenSettings(more: Partial<TokenConfiguration> = {}): TokenConfiguration {
  return {
    issuer,
    audience,
    subject,
    algorithms: ["ES256"],
    keys: { file: "unset" },
    maxLifetimeMs: 600_000,
    clockSkewMs: 30_000,
    claims: {},
    ...more,
  };
}

export function identityOf(name: string, more: Partial<IdentityConfiguration> = {}): IdentityConfiguration {
  const none = {
    ca: undefined,
    crl: undefined,
    spiffe: undefined,
    dns: undefined,
    token: undefined,
    within: undefined,
  };
  return { name, listener: "mesh", attributes: {}, ...none, ...more };
}

export function configurationOf(identities: readonly IdentityConfiguration[]): Configuration {
  const socket = { name: "sock", unix: "/x", identity: "agent", attributes: {} };
  return {
    identities: new Map(identities.map((one) => [one.name, one])),
    listeners: new Map([["sock", socket]]),
  } as unknown as Configuration;
}
