// One transit key as a master key: vault scheme 1 of docs/envelope.md.

import { BrokerError } from "../../src/errors/index.ts";
import type { Binding, MasterKey, Unwrapped, Wrapped } from "../../src/provider/index.ts";
import { blobOf, readCiphertext, scheme } from "./ciphertext.ts";
import { decrypt, encrypt, proveBinding } from "./cipher.ts";
import { createLatestVersion } from "./latest-version.ts";
import type { Session } from "./session.ts";
import { wrapLimits } from "./transit-key.ts";
import type { KeyFacts, TransitKey } from "./transit-key.ts";
import { versionsOf } from "./versions.ts";

/** The master key of a transit key. */
export function masterKeyOf(id: string, key: TransitKey, session: Session): MasterKey {
  const latestVersion = createLatestVersion(key);
  let isBindingProven = false;

  async function wrap(material: Uint8Array, { bytes }: Binding, signal: AbortSignal): Promise<Wrapped> {
    // Reading first: to encrypt with a key that is not there would create it, where a policy allows that.
    const { latest } = key.recent() ?? (await key.read(signal));
    const made = await encrypt(session, key, material, bytes, signal);
    if (!isBindingProven) await proveBinding(session, key, made, signal);
    isBindingProven = true;
    if (made.version !== latest) key.forget();
    return { wrapped: blobOf(made), scheme, version: String(made.version) };
  }

  async function unwrap(
    wrapped: Uint8Array,
    used: number,
    { bytes }: Binding,
    signal: AbortSignal,
  ): Promise<Unwrapped> {
    const blob = used === scheme ? readCiphertext(wrapped) : undefined;
    if (!blob) throw new BrokerError("ENVELOPE_REFUSED", "this is no blob of a transit key");
    const latest = latestVersion();
    const material = await decrypt(session, key, blob, bytes, signal);
    return { material, version: String(blob.version), rewrapDue: blob.version < ((await latest) ?? 0) };
  }

  return {
    id,
    get wrapLimit() {
      const facts = key.last();
      return facts && wrapLimits[facts.type];
    },
    get protection() {
      return protectionOf(key.last());
    },
    wrap,
    unwrap,
    probe: async (signal) => void (await key.read(signal)),
    ...versionsOf(key, session),
  };
}

/** The server does not tell whether a seal or an HSM stands behind its engine. */
function protectionOf(facts: KeyFacts | undefined): MasterKey["protection"] {
  return facts && { level: facts.exportable || facts.plaintextBackup ? "exportable" : "software", authenticated: true };
}
