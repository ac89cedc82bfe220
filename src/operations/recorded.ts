// What the audit says of an envelope and a context: facts that anyone who has them can read.

import { hash } from "node:crypto";
import type { AuditRecord } from "../audit/audit.ts";
import { decode } from "../envelope/index.ts";
import type { Context, Envelope } from "../envelope/types.ts";

type EnvelopeFacts = Pick<AuditRecord, "branch" | "masterKeys">;

/** By the list of recipients, which envelopes of one branch key share. */
const known = new WeakMap<Envelope["recipients"], EnvelopeFacts>();

/** SHA-256, the first 16 bytes, in hex. */
export function fingerprint(envelope: Uint8Array): string {
  return hash("sha256", envelope, "hex").slice(0, 32);
}

/** The branch key's id and the master keys of an envelope. */
export function envelopeFacts({ branchId, recipients }: Envelope): EnvelopeFacts {
  const found = known.get(recipients);
  if (found !== undefined) return found;
  const masterKeys = recipients.map(({ masterKeyId }) => masterKeyId);
  const facts = { branch: Buffer.from(branchId).toString("hex"), masterKeys };
  known.set(recipients, facts);
  return facts;
}

/** The same of an envelope that was just made. */
export function madeFacts(envelope: Uint8Array): EnvelopeFacts {
  return envelopeFacts(decode(envelope));
}

/** Values of the pairs whose names the configuration lists; undefined when there are none. */
export function recordedContext(names: readonly string[], context: Context | undefined): Context | undefined {
  if (names.length === 0 || context === undefined) return undefined;
  const pairs = names.filter((name) => Object.hasOwn(context, name)).map((name) => [name, context[name]!]);
  return pairs.length === 0 ? undefined : (Object.fromEntries(pairs) as Context);
}
