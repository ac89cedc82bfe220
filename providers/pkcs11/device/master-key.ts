// A key of the token as a master key, with the ids that it had on other tokens.

import type { Binding, MasterKey, Protection, Unwrapped } from "../../../src/provider/index.ts";
import type { Connection } from "./connection.ts";
import { openTokenKey, type TokenKey } from "./token-key.ts";
import type { KeyReference } from "./types.ts";
import { schemeOf } from "./way.ts";

/**
 * A master key's id: a PKCS#11 URI (RFC 7512) of the token's serial and the key's CKA_ID, which most tools take as it is.
 */
export function masterKeyIdOf(serial: string, keyId: string): string {
  const id = keyId.replace(/../g, (byte) => `%${byte}`);
  return `pkcs11:serial=${encodeURIComponent(serial)};id=${id}`;
}

/** Finds the key, chooses how it wraps and proves it. Throws as MasterKey says. */
export async function openMasterKey(
  connection: Connection,
  reference: KeyReference,
  formerSerials: readonly string[],
  signal: AbortSignal,
): Promise<MasterKey> {
  const key = await openTokenKey(connection, reference, signal);
  const { token, facts } = key;
  const former = formerSerials.filter((serial) => serial !== token.serial);
  return masterKeyOf(key, masterKeyIdOf(token.serial, facts.id), {
    unwrapOnly: former.map((serial) => masterKeyOf(key, masterKeyIdOf(serial, facts.id), { retired: true })),
  });
}

function masterKeyOf(
  key: TokenKey,
  id: string,
  { retired = false, unwrapOnly = [] }: { retired?: boolean; unwrapOnly?: readonly MasterKey[] },
): MasterKey {
  const { wrapLimit, authenticated } = key.choice().way;
  const protection: Protection = { level: key.token.hardware ? "hsm" : "software", authenticated };
  return Object.freeze({
    id,
    unwrapOnly,
    protection,
    ...(wrapLimit === undefined ? {} : { wrapLimit }),
    wrap: (material: Uint8Array, binding: Binding, signal: AbortSignal) => key.wrap(material, binding, signal),
    async unwrap(wrapped: Uint8Array, scheme: number, binding: Binding, signal: AbortSignal): Promise<Unwrapped> {
      const material = await key.unwrap(wrapped, scheme, binding, signal);
      return { material, version: "", rewrapDue: retired || scheme !== schemeOf(key.choice().way) };
    },
    probe: (signal: AbortSignal) => key.probe(signal),
  });
}
