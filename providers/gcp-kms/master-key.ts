// One CryptoKey as a master key: gcp-kms scheme 1 of docs/envelope.md.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import type { Binding, MasterKey } from "../../src/provider/index.ts";
import { checkKey, checkPrimary, proveBinding } from "./check.ts";
import { decrypt, encrypt } from "./crypt.ts";
import { refused } from "./errors.ts";
import { untilIntact } from "./integrity.ts";
import { heldPermissions, note, readKey } from "./resources.ts";
import type { Key, Seen } from "./resources.ts";
import { scheme } from "./scheme.ts";
import type { Service } from "./service.ts";
import { versionCalls } from "./versions.ts";

/** GOOGLE_SYMMETRIC_ENCRYPTION is AES-256-GCM with random nonces. */
const wrapLimit = 2 ** 32;

/** The permissions that the calls need. */
export const permissions = {
  wrap: "cloudkms.cryptoKeyVersions.useToEncrypt",
  unwrap: "cloudkms.cryptoKeyVersions.useToDecrypt",
} as const;

/** What these credentials may do, where they may not do both. */
export type Only = keyof typeof permissions | undefined;

/** What an opened provider knows. */
export interface Opened {
  readonly service: Service;
  readonly only: Only;
  /** The ids of keys whose server was seen to bind what it wraps: once for each, however often it is opened. */
  readonly proven: Set<string>;
}

/** Opens a key: throws REQUEST_INVALID when it is none for wrapping, and what calls throw. */
export async function openMasterKey(opened: Opened, id: string, signal: AbortSignal): Promise<MasterKey> {
  const key = await readKey(opened.service, id, signal);
  checkKey(id, key);
  return masterKeyOf(opened, id, key);
}

function masterKeyOf({ service, only, proven }: Opened, id: string, key: Key): MasterKey {
  const seen: Seen = { primary: "", level: undefined };
  note(seen, id, key);
  const crypt = {
    wrap: (material: Uint8Array, binding: Binding, signal: AbortSignal) =>
      untilIntact("wrap", () => encrypt(service, id, seen, { material, binding, signal })),
    unwrap: (wrapped: Uint8Array, usedScheme: number, binding: Binding, signal: AbortSignal) => {
      if (usedScheme !== scheme || wrapped.length === 0) return Promise.reject(refused());
      return untilIntact("unwrap", () => decrypt(service, id, seen, { wrapped, binding, signal }));
    },
  };
  return {
    id,
    wrapLimit,
    get protection() {
      return seen.level === undefined ? undefined : { level: seen.level, authenticated: true };
    },
    async wrap(material, binding, signal) {
      if (only === "unwrap") throw notOurs("wrap");
      // Who may not unwrap cannot try; the broker's hash in the plaintext binds all the same.
      if (!proven.has(id) && only !== "wrap") await proveBinding(crypt, signal);
      proven.add(id);
      return await crypt.wrap(material, binding, signal);
    },
    unwrap(wrapped, usedScheme, binding, signal) {
      return only === "wrap" ? Promise.reject(notOurs("unwrap")) : crypt.unwrap(wrapped, usedScheme, binding, signal);
    },
    probe: (signal) => probe(service, id, only, seen, signal),
    ...versionCalls(service, id, seen),
  };
}

async function probe(service: Service, id: string, only: Only, seen: Seen, signal: AbortSignal): Promise<void> {
  const key = await readKey(service, id, signal);
  checkKey(id, key);
  note(seen, id, key);
  checkPrimary(id, key);
  // To wrap may be denied on purpose, where a key only opens what it once wrapped; the round trip shows it otherwise.
  const needed = permissions[only ?? "unwrap"];
  const held = await heldOrUnknown(service, id, needed, signal);
  if (!held) throw new BrokerError("KEY_DISABLED", `the permission ${needed} on ${id} is missing or was taken away`);
}

/** Private endpoints need not serve IAM: what cannot be asked is not held against the key. */
async function heldOrUnknown(service: Service, id: string, needed: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await heldPermissions(service, id, [needed], signal)).includes(needed);
  } catch (error) {
    if (isBrokerError(error) && error.reason === "INTERNAL") return true;
    throw error;
  }
}

function notOurs(what: string): BrokerError {
  const message = `the gcp-kms provider's credentials do not ${what}: its setting "only" says so`;
  return new BrokerError("KEY_DISABLED", message);
}
