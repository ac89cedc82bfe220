// The part `identities`: whom a certificate stands for.

import { z } from "zod";
import { name, path, reference } from "./words.ts";

const spiffeWords =
  "expected a SPIFFE id such as spiffe://bank.example/prod/restore: a lower-case trust domain and a path, whole, no wildcard";
const segment = "(?!\\.{1,2}(?:/|$))[a-zA-Z0-9._-]+";
const spiffePattern = new RegExp(`^spiffe://[a-z0-9._-]{1,255}(?:/${segment})+$`);

const dnsWords = "expected a DNS name in lower case, such as restore.bank.example, whole, no wildcard";
const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const dnsPattern = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`);

const certificateOnly = "expected a map with listener, ca and either spiffe or dns";

/** One identity of callers that show a certificate. */
export const identity = z
  .strictObject(
    {
      listener: name.describe("The tcp listener where it comes in."),
      ca: path("a PEM file").describe(
        "The authorities that may vouch for it, a PEM file, read at start and at reload.",
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
    },
    { error: certificateOnly },
  )
  .refine((entry) => (entry.spiffe === undefined) !== (entry.dns === undefined), {
    error: "exactly one of spiffe and dns says who it is",
  })
  .describe("A caller that shows a certificate. The certificate's common name is never looked at.");

/** An identity as the schema leaves it. */
export type IdentityEntry = z.output<typeof identity>;
