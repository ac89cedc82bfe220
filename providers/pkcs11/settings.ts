// What stands in a configuration of the pkcs11 kind: the token and its PIN, and which of its keys.

import { z } from "zod";
import { secret, text } from "../../src/provider/index.ts";
import { schemeNames } from "./device/scheme-names.ts";

const millisecondsPer = { ms: 1, s: 1_000, m: 60_000 };

function killAfterMs(duration: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,5})(ms|s|m)$/.exec(duration) ?? [];
  return Number(count) * millisecondsPer[unit as keyof typeof millisecondsPer];
}

const killAfter = z
  .string()
  .refine((value) => killAfterMs(value) >= 100 && killAfterMs(value) <= 600_000, {
    error: "expected a duration such as 500ms, 5s or 2m, from 100ms to 10m",
  })
  .transform(killAfterMs)
  .meta({ title: "duration, 100ms to 10m", pattern: "^[1-9][0-9]{0,5}(ms|s|m)$" });

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, "expected a variable's name");

/** Settings of the provider. */
export const settings = z
  .strictObject({
    library: text()
      .refine((path) => path.startsWith("/"), "expected the absolute path of the PKCS#11 library")
      .describe("The absolute path of the PKCS#11 library of the HSM's maker."),
    tokenSerial: text().optional().describe("The token by its serial number, which no other token has."),
    tokenLabel: text().optional().describe("The token by its label; with tokenSerial both must be its."),
    pin: secret()
      .optional()
      .describe("Where the user PIN is. Left out for a token with a PIN pad of its own, or without log-in."),
    formerSerials: z
      .array(z.string().min(1).max(64))
      .max(16)
      .optional()
      .describe("Serial numbers of tokens whose keys were copied to this one: what they wrapped is unwrapped here."),
    maxSessions: z
      .int()
      .min(1)
      .max(256)
      .default(8)
      .describe("How many sessions are opened at most, beside the one that stays logged in."),
    killAfter: killAfter
      .prefault("5s")
      .describe("How long after its deadline a call may still hang in the library before its process is killed."),
    environment: z
      .record(variableName, text())
      .optional()
      .describe("Variables that the library reads, such as SOFTHSM2_CONF. Never a secret."),
  })
  .superRefine(({ tokenSerial, tokenLabel }, context) => {
    if (tokenSerial !== undefined || tokenLabel !== undefined) return;
    const message = "name the token by tokenSerial or tokenLabel: slot numbers change";
    context.addIssue({ code: "custom", path: ["tokenSerial"], message });
  });

/** A key of the token. */
export const reference = z
  .strictObject({
    label: text().optional().describe("The key's CKA_LABEL."),
    id: z
      .string()
      .regex(/^([0-9a-f]{2}){1,64}$/, "expected the key's CKA_ID in hexadecimal digits, such as 0a")
      .optional()
      .describe("The key's CKA_ID in hexadecimal digits."),
    scheme: z
      .enum(schemeNames)
      .optional()
      .describe("How to wrap. Left out: as the key's attributes allow and the token can."),
    allowUnauthenticatedWrap: z
      .literal(true)
      .optional()
      .describe(
        "Allows an RSA key. Whoever has its public part can make blobs, so these prove nothing of their maker.",
      ),
  })
  .superRefine(({ label, id, scheme, allowUnauthenticatedWrap }, context) => {
    if (label === undefined && id === undefined)
      context.addIssue({ code: "custom", path: ["label"], message: "name the key by label or id" });
    if (scheme?.startsWith("rsa-") && !allowUnauthenticatedWrap)
      context.addIssue({ code: "custom", path: ["scheme"], message: "this needs allowUnauthenticatedWrap: true" });
  });

/** What the settings' schema makes. */
export type Pkcs11Settings = z.output<typeof settings>;
