// Verifies one token as one identity asks for it, with jose.

import type * as jose from "jose";
import type { JWTPayload, JWTVerifyOptions } from "jose";
import type { KeySet, TokenConfiguration } from "../config/index.ts";
import { attributesOf } from "./claims.ts";
import type { TokenRefusal } from "./identity.ts";
import type { KeySource } from "./key-source.ts";

/** jose, loaded where an identity needs it. */
export type Jose = typeof jose;

/** What a token proves, or why nothing. */
export type Proof =
  | {
      readonly attributes: Readonly<Record<string, string>>;
      /** When it ends, the clocks' difference included, in milliseconds since 1970. */
      readonly untilMs: number;
      /** Of the keys it was verified with. */
      readonly generation: number;
      readonly why?: undefined;
    }
  | { readonly why: TokenRefusal };

/** jose's codes (https://github.com/panva/jose/blob/main/docs/util/errors/README.md) in our words. */
const refusals: Readonly<Record<string, TokenRefusal>> = {
  ERR_JWT_EXPIRED: "expired",
  ERR_JWT_CLAIM_VALIDATION_FAILED: "claim",
  ERR_JWT_INVALID: "form",
  ERR_JWS_INVALID: "form",
  ERR_JOSE_ALG_NOT_ALLOWED: "algorithm",
  ERR_JOSE_NOT_SUPPORTED: "algorithm",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "signature",
  ERR_JWKS_NO_MATCHING_KEY: "key",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "key",
};

/** Verifies. Never rejects. */
export async function verifyToken(
  library: Jose,
  token: string,
  wanted: TokenConfiguration,
  source: KeySource,
  nowMs: number,
): Promise<Proof> {
  const keys = await source.keys();
  const first = await attempt(library, token, wanted, keys, nowMs);
  if (first.why !== "key") return first;
  await source.missed();
  return source.generation === keys?.generation ? first : attempt(library, token, wanted, await source.keys(), nowMs);
}

type Keys = NonNullable<Awaited<ReturnType<KeySource["keys"]>>>;

async function attempt(
  library: Jose,
  token: string,
  wanted: TokenConfiguration,
  keys: Keys | undefined,
  nowMs: number,
): Promise<Proof> {
  if (keys === undefined) return { why: "keys-unavailable" };
  try {
    return proofOf(await claimsOf(library, token, wanted, keys.set, nowMs), wanted, keys.generation, nowMs);
  } catch (error) {
    return { why: refusals[(error as { code?: string }).code ?? ""] ?? "signature" };
  }
}

async function claimsOf(
  library: Jose,
  token: string,
  wanted: TokenConfiguration,
  set: KeySet,
  nowMs: number,
): Promise<JWTPayload> {
  const options: JWTVerifyOptions = {
    issuer: wanted.issuer,
    audience: wanted.audience,
    subject: wanted.subject,
    algorithms: [...wanted.algorithms],
    clockTolerance: wanted.clockSkewMs / 1_000,
    currentDate: new Date(nowMs),
    requiredClaims: ["iat", "exp"],
  };
  const find = library.createLocalJWKSet({ keys: [...set.keys] });
  try {
    return (await library.jwtVerify(token, find, options)).payload;
  } catch (error) {
    if (!(error instanceof library.errors.JWKSMultipleMatchingKeys)) throw error;
    // Without a key id several may be meant: the first that verifies counts.
    return await tryEach(error, (key) => library.jwtVerify(token, key, options));
  }
}

type Several = InstanceType<Jose["errors"]["JWKSMultipleMatchingKeys"]>;
type Key = Awaited<ReturnType<ReturnType<Jose["createLocalJWKSet"]>>>;

async function tryEach(several: Several, verify: (key: Key) => Promise<{ payload: JWTPayload }>): Promise<JWTPayload> {
  let failure: unknown = several;
  for await (const key of several) {
    try {
      return (await verify(key)).payload;
    } catch (error) {
      failure = error;
      if ((error as { code?: string }).code !== "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") throw error;
    }
  }
  throw failure;
}

/** What jose leaves to us: the whole lifetime, a beginning that is not ahead, and the claims that give attributes. */
function proofOf(claims: JWTPayload, wanted: TokenConfiguration, generation: number, nowMs: number): Proof {
  const { clockSkewMs, maxLifetimeMs } = wanted;
  const [issuedMs, endMs] = [claims.iat! * 1_000, claims.exp! * 1_000];
  if (!Number.isFinite(issuedMs) || !Number.isFinite(endMs)) return { why: "claim" };
  if (endMs - issuedMs > maxLifetimeMs || endMs <= issuedMs) return { why: "lifetime" };
  if (issuedMs > nowMs + clockSkewMs) return { why: "claim" };
  const attributes = attributesOf(claims, wanted.claims);
  return attributes === undefined ? { why: "claim" } : { attributes, untilMs: endMs + clockSkewMs, generation };
}
