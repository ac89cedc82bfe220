// Makes a key on the token that never leaves it, may do one thing, and is proven to do it.

import type { ITemplate, Session } from "graphene-pk11";
import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import { randomBytes } from "../../src/secret/index.ts";
import { choose, type Choice } from "./device/choose.ts";
import { Connection, type At } from "./device/connection.ts";
import { CKM, type Cryptoki, type Handle } from "./device/cryptoki.ts";
import { meaningOf, nameOf } from "./device/errors.ts";
import { findKey, findKeys } from "./device/keys.ts";
import type { NewCryptoki } from "./device/library.ts";
import { masterKeyIdOf } from "./device/master-key.ts";
import type { SchemeName } from "./device/scheme-names.ts";
import type { DeviceSettings, KeyReference } from "./device/types.ts";
import type { Family } from "./device/way.ts";

export { schemeNames } from "./device/scheme-names.ts";
export type { SchemeName } from "./device/scheme-names.ts";

/** The key that is wanted. */
export interface WantedKey {
  readonly label: string;
  /** CKA_ID in hexadecimal digits; random when left out. */
  readonly id?: string | undefined;
  /** How it will wrap; left out: key wrap where the token does it, else AES-GCM. */
  readonly scheme?: SchemeName | undefined;
}

/** The key that was made. */
export interface GeneratedKey {
  readonly label: string;
  readonly id: string;
  readonly tokenSerial: string;
  /** What envelopes will name it by. */
  readonly masterKeyId: string;
  readonly scheme: SchemeName;
}

/** What a key may be used for, and all that it may be used for. */
const families: Readonly<Record<Family, ITemplate & { readonly mechanisms: readonly number[] }>> = {
  "key-wrap": { wrap: true, unwrap: true, mechanisms: [CKM.AES_KEY_WRAP_KWP, CKM.AES_KEY_WRAP_PAD] },
  gcm: { encrypt: true, decrypt: true, mechanisms: [CKM.AES_GCM] },
  rsa: { decrypt: true, mechanisms: [CKM.RSA_PKCS_OAEP] },
};

const rsaBits = 3_072;

/**
 * Generates the key, and destroys it again when no way of wrapping works with it. Throws REQUEST_INVALID when a key with
 * its label or id is there already, or `scheme` does not work; KEY_DISABLED and PROVIDER_UNAVAILABLE as calls do.
 */
export async function generateKey(
  settings: DeviceSettings & { readonly environment?: Readonly<Record<string, string>> | undefined },
  wanted: WantedKey,
  create?: NewCryptoki,
): Promise<GeneratedKey> {
  // A library reads its variables where it is loaded: here that is this process.
  Object.assign(process.env, settings.environment);
  const connection = new Connection(settings, create);
  try {
    const id = wanted.id ?? randomBytes(8).toString("hex");
    await connection.use((at) => refuseTwins(at, wanted.label, id));
    const reasons: string[] = [];
    for (const family of familiesFor(wanted.scheme)) {
      const made = await tryFamily(connection, family, { ...wanted, id });
      if (typeof made !== "string") return made;
      reasons.push(made);
    }
    throw new BrokerError("REQUEST_INVALID", `no key was made: ${reasons.join("; ")}`);
  } finally {
    await connection.close();
  }
}

function familiesFor(scheme: SchemeName | undefined): readonly Family[] {
  if (scheme === undefined) return ["key-wrap", "gcm"];
  if (scheme === "key-wrap") return ["key-wrap"];
  return scheme.startsWith("rsa-") ? ["rsa"] : ["gcm"];
}

function refuseTwins({ cryptoki, session }: At, label: string, id: string): void {
  const said = { label: `label ${label}`, id: `id ${id}` };
  for (const [name, template] of [
    ["label", { label }],
    ["id", { id }],
  ] as const) {
    if (findKeys(cryptoki, session, template).length === 0) continue;
    throw new BrokerError("REQUEST_INVALID", `the token has a key with ${said[name]} already: no key was made`);
  }
}

type Named = WantedKey & { readonly id: string };

/** Makes a key and proves it; answers why not, with the key destroyed, when the token cannot. */
async function tryFamily(connection: Connection, family: Family, wanted: Named): Promise<GeneratedKey | string> {
  const reference: KeyReference = {
    label: wanted.label,
    id: wanted.id,
    scheme: wanted.scheme,
    ...(family === "rsa" ? { allowUnauthenticatedWrap: true as const } : {}),
  };
  try {
    await connection.use((at) => make(at, family, wanted));
    const { way } = await proven(connection, reference);
    const serial = await connection.use(({ token }) => token.serial);
    const masterKeyId = masterKeyIdOf(serial, wanted.id);
    return { label: wanted.label, id: wanted.id, tokenSerial: serial, masterKeyId, scheme: way.name };
  } catch (error) {
    await connection.use((at) => destroy(at, wanted.id));
    if (isBrokerError(error) && error.reason === "KEY_DISABLED") return error.message;
    if (meaningOf(error) === undefined) throw error;
    return `the token does not make a key for ${family}: it answered ${nameOf(error)}`;
  }
}

/** How the new key wraps. Throws KEY_DISABLED when it does not, or when it could leave the token. */
async function proven(connection: Connection, reference: KeyReference): Promise<Choice> {
  const locate = ({ cryptoki, session }: At) => findKey(cryptoki, session, reference);
  const { extractable, sensitive } = await connection.use(locate);
  if (extractable || !sensitive)
    throw new BrokerError(
      "KEY_DISABLED",
      "the token made a key that could leave it, and did not heed that it must not",
    );
  return await choose(connection, locate, reference, undefined);
}

async function make({ cryptoki, token }: At, family: Family, wanted: Named): Promise<void> {
  const session = await writeSession(cryptoki, token.slot);
  try {
    const { mechanisms, ...uses } = families[family];
    const template = { ...templateOf(wanted), ...uses };
    await generated(session, family, { ...template, allowedMechanisms: mechanismList(mechanisms) }).catch(
      (error: unknown) => {
        if (meaningOf(error) !== "unfit") throw error;
        // Many tokens know no list of mechanisms; the key's uses say the same, less exactly.
        return generated(session, family, template);
      },
    );
  } finally {
    session.close();
  }
}

function templateOf({ label, id }: Named): ITemplate {
  return {
    token: true,
    private: true,
    sensitive: true,
    extractable: false,
    label,
    id: Buffer.from(id, "hex"),
  };
}

/** graphene sets up what is done once; the calls that wrap go to the addon itself. */
async function writeSession(cryptoki: Cryptoki, slot: Handle): Promise<Session> {
  const { default: graphene } = await import("graphene-pk11");
  const { Module, Slot, SessionFlag } = graphene;
  const library = cryptoki as ConstructorParameters<typeof Module>[0];
  return new Slot(slot, new Module(library), library).open(SessionFlag.RW_SESSION | SessionFlag.SERIAL_SESSION);
}

// eslint-disable-next-line @typescript-eslint/require-await -- what graphene throws becomes the promise's.
async function generated(session: Session, family: Family, template: ITemplate): Promise<void> {
  if (family !== "rsa") {
    const uses = { keyType: 0x1f, valueLen: 32, encrypt: false, decrypt: false, wrap: false, unwrap: false };
    session.generateKey("AES_KEY_GEN", { ...uses, ...template });
    return;
  }
  const { label, id } = template;
  const exponent = Buffer.from([1, 0, 1]);
  const shared = { token: true, label, id, encrypt: true, modulusBits: rsaBits, publicExponent: exponent };
  session.generateKeyPair("RSA_PKCS_KEY_PAIR_GEN", shared, { ...template, keyType: 0 });
}

/** A CK_MECHANISM_TYPE_ARRAY. */
function mechanismList(mechanisms: readonly number[]): Buffer {
  const list = Buffer.alloc(8 * mechanisms.length);
  for (const [index, mechanism] of mechanisms.entries()) list.writeBigUInt64LE(BigInt(mechanism), 8 * index);
  return list;
}

async function destroy({ cryptoki, session, token }: At, id: string): Promise<void> {
  const found = findKeys(cryptoki, session, { id });
  if (found.length === 0) return;
  const writing = await writeSession(cryptoki, token.slot);
  try {
    for (const { handle } of found) cryptoki.C_DestroyObject(writing.handle, handle);
  } finally {
    writing.close();
  }
}
