// The part `identities`: whom a certificate or a token stands for.

import { z } from "zod";
import { attributeMap, attributes } from "./attributes.ts";
import { duration, name, oneOf, oneOrMore, path, reference } from "./words.ts";

const spiffeWords =
  "expected a SPIFFE id such as spiffe://bank.example/prod/restore: a lower-case trust domain and a path, whole, no wildcard";
const segment = "(?!\\.{1,2}(?:/|$))[a-zA-Z0-9._-]+";
const spiffePattern = new RegExp(`^spiffe://[a-z0-9._-]{1,255}(?:/${segment})+$`);

const dnsWords = "expected a DNS name in lower case, such as restore.bank.example, whole, no wildcard";
const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const dnsPattern = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`);

/** Signatures with a public key alone: `none` and HMAC, by which every verifier could sign, cannot be named. */
const tokenAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

const claimWords = "expected a text of 1 to 1024 characters, compared whole: no wildcard";
const claim = reference(z.string().min(1, { error: claimWords }).max(1_024, { error: claimWords }), claimWords);

const keysWords = "expected the path of a JWKS file, or its https:// URL";
const keySet = reference(
  z
    .string()
    .min(1, { error: keysWords })
    .max(2_048, { error: keysWords })
    .refine((text) => !/^[a-z+]+:\/\//i.test(text) || isHttps(text), {
      error: `${keysWords}, without a user or fragment`,
    })
    .refine((text) => !/^\s*\{/.test(text), { error: `${keysWords}, not what is in it` })
    .transform((text): { file: string } | { url: string } =>
      isHttps(text) ? { url: text } : { file: text.replace(/^file:(?=\/)/, "") },
    ),
  keysWords,
).meta({ title: "path or URL" });

function isHttps(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "https:" && url.username === "" && url.password === "" && url.hash === "";
}

const pointerWords = 'expected a JSON pointer to a claim, such as "/tenant" or "/kubernetes.io/namespace"';
const pointer = z
  .string({ error: pointerWords })
  .regex(/^(?:\/(?:[^~/]|~[01]){1,128}){1,8}$/, { error: pointerWords })
  .meta({ title: "JSON pointer" });

const token = z
  .strictObject(
    {
      issuer: claim.describe("The token's `iss`, whole."),
      audience: claim.describe("One of the token's `aud`, whole: a name of this deployment's own."),
      subject: claim.describe(
        "The token's `sub`, whole, such as `system:serviceaccount:payments:ledger` in Kubernetes.",
      ),
      jwks: keySet.describe(
        "The issuer's public keys (RFC 7517): a file, read again within a second after it changed, or an `https://` URL, fetched every five minutes while tokens come.",
      ),
      jwksCa: path("a PEM file")
        .optional()
        .describe("The authorities that vouch for the URL's server, a PEM file. Left out: the system's."),
      algorithms: oneOrMore(oneOf(tokenAlgorithms), "a signature algorithm").describe(
        "The signatures that count. None is left out by default: the issuer's documentation says which it uses.",
      ),
      maxLifetime: duration("1s", "1d").describe("The longest time from a token's `iat` to its `exp`."),
      clockSkew: duration("0s", "60s").prefault("30s").describe("How far the issuer's clock may be off."),
      claims: attributeMap(
        pointer,
        'expected a map of attributes and claims, such as { tenant: "/kubernetes.io/namespace" }',
      )
        .prefault({})
        .describe(
          "Attributes that the token's claims give: JSON pointers to texts. A token without one of them is refused.",
        ),
    },
    { error: "expected a map with issuer, audience, subject, jwks, algorithms and maxLifetime" },
  )
  .refine(({ jwks, jwksCa }) => jwksCa === undefined || "url" in jwks, {
    error: "jwksCa vouches for the server of a URL: jwks is a file",
    path: ["jwksCa"],
  })
  .describe("The JSON Web Tokens (RFC 7519) that it shows as `authorization: Bearer …`.");

const certificateFields = ["ca", "crl"] as const;

/** One identity of callers that show a certificate or a token. */
export const identity = z
  .strictObject(
    {
      listener: name.describe("The listener where it comes in: a tcp one, or with `within` a unix one."),
      ca: path("a PEM file")
        .optional()
        .describe("The authorities that may vouch for its certificate, a PEM file, read again when it changed."),
      crl: path("a file of revocation lists")
        .optional()
        .describe(
          "Revocation lists (RFC 5280), PEM or DER, read again when the file changed. Every authority in a chain needs one that is in date.",
        ),
      spiffe: reference(
        z.string().max(2_048, { error: spiffeWords }).regex(spiffePattern, { error: spiffeWords }),
        spiffeWords,
      )
        .meta({ title: "SPIFFE id" })
        .optional()
        .describe("The certificate's one URI name, matched whole."),
      dns: reference(z.string().regex(dnsPattern, { error: dnsWords }), dnsWords)
        .meta({ title: "DNS name" })
        .optional()
        .describe("One of the certificate's DNS names, matched whole; wildcards match nothing."),
      jwt: token.optional(),
      within: name
        .optional()
        .describe(
          "The identity of the connection that the token comes over. The token then only narrows: what it may do is what rules allow to both.",
        ),
      attributes,
    },
    { error: "expected a map with listener and one of spiffe, dns and jwt" },
  )
  .refine((entry) => [entry.spiffe, entry.dns, entry.jwt].filter((one) => one !== undefined).length === 1, {
    error: "exactly one of spiffe, dns and jwt says who it is",
  })
  .refine((entry) => entry.jwt !== undefined || entry.ca !== undefined, {
    error: "ca is missing: the authorities that may vouch for its certificate",
  })
  .refine((entry) => entry.jwt === undefined || certificateFields.every((field) => entry[field] === undefined), {
    error: "ca and crl are about certificates, and a token says who this is: leave them out",
  })
  .refine((entry) => entry.jwt !== undefined || entry.within === undefined, {
    error: "only a token can be within another identity: leave within out",
    path: ["within"],
  })
  .refine((entry) => Object.keys(entry.jwt?.claims ?? {}).every((attribute) => !(attribute in entry.attributes)), {
    error: "an attribute is given both here and by claims",
    path: ["attributes"],
  })
  .describe("A caller that shows a certificate or a token. The certificate's common name is never looked at.");

/** An identity as the schema leaves it. */
export type IdentityEntry = z.output<typeof identity>;
