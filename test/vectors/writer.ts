// Writes envelopes straight from docs/envelope.md, and faulty ones too: it checks nothing and shares no code with src/.

import { createCipheriv, createHash, hkdfSync } from "node:crypto";

/** A share wrapped by the env provider's scheme 1. */
export interface EnvRecipe {
  readonly masterKey: Buffer;
  readonly salt: Buffer;
  readonly version: string;
  readonly scheme?: number;
  /** Said to be at another position, or bound to other words: for faults. */
  readonly boundTo?: string;
  /** Another hash of the binding inside the plaintext than the associated data's: for faults. */
  readonly hashOf?: string;
  /** The position whose share it holds, if not its own: for faults. */
  readonly shareOf?: number;
  /** More plaintext after share and hash: for faults. */
  readonly trail?: Buffer;
}

/** A recipient of which nothing is known here but its bytes. */
export interface ForeignRecipe {
  readonly kind: number;
  readonly scheme: number;
  readonly masterKeyId: string | Buffer;
  readonly version: string | Buffer;
  readonly wrapped: Buffer;
}

/** All that makes an envelope. */
export interface Recipe {
  readonly magic: Buffer;
  readonly format: number;
  readonly suite: number;
  readonly threshold: number;
  /** What row 5 says; the number of `recipients` unless faulty. */
  readonly count?: number;
  readonly branchId: Buffer;
  readonly realm: Buffer;
  readonly key: Buffer;
  readonly recipients: readonly (EnvRecipe | ForeignRecipe)[];
  readonly branchKey: Buffer;
  /** (threshold − 1) × 32 bytes. */
  readonly coefficients: Buffer;
  /** Row 15, unless it is derived as it must be. */
  readonly commitment?: Buffer;
  readonly nonce: Buffer;
  /** The pairs of the context, in any order, as bytes. */
  readonly context: readonly (readonly [Buffer, Buffer])[];
  readonly dataKey: Buffer;
}

/** An envelope and what lies between it and its keys. */
export interface Written {
  readonly envelope: Buffer;
  readonly masterKeyIds: readonly string[];
  readonly contextHash: Buffer;
}

const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const hkdf = (key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number) =>
  Buffer.from(hkdfSync("sha512", key, salt, info, length));
const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const none = Buffer.alloc(0);

/** Writes an envelope. */
export function write(recipe: Recipe): Written {
  const rows = recipe.recipients.map((recipient, i) => foreign(recipe, recipient, i + 1));
  const h0 = Buffer.concat([
    recipe.magic,
    Buffer.from([recipe.format, recipe.suite, recipe.threshold, recipe.count ?? rows.length]),
    recipe.branchId,
    Buffer.from([recipe.realm.length]),
    recipe.realm,
    Buffer.from([recipe.key.length]),
    recipe.key,
    ...rows.flatMap(rowBytes),
  ]);
  const info = Buffer.concat([Buffer.from("keybroker envelope v1"), createHash("sha512").update(h0).digest()]);
  const okm = hkdf(recipe.branchKey, none, info, 64);
  const contextHash = hashContext(recipe.context);
  const sealedBytes = Buffer.alloc(4);
  sealedBytes.writeUInt32BE(32 + recipe.dataKey.length + 16);
  const aad = Buffer.concat([h0, recipe.commitment ?? okm.subarray(32), recipe.nonce, sealedBytes]);
  const sealed = gcm(okm.subarray(0, 32), recipe.nonce, aad, Buffer.concat([contextHash, recipe.dataKey]));
  return {
    envelope: Buffer.concat([aad, sealed]),
    masterKeyIds: rows.map((row) => Buffer.from(row.masterKeyId).toString()),
    contextHash,
  };
}

/** SHA-256 over the pairs in the order of their names' bytes. */
function hashContext(pairs: Recipe["context"]): Buffer {
  const sorted = [...pairs].sort(([one], [other]) => Buffer.compare(one, other));
  const parts = sorted.flatMap(([name, value]) => [u16(name.length), name, u16(value.length), value]);
  return sha256(Buffer.from("keybroker context v1"), u16(pairs.length), ...parts);
}

/** The env provider's master-key id. */
export function envId(masterKey: Buffer): string {
  return hkdf(masterKey, none, Buffer.from("keybroker env v1 id"), 8).toString("hex");
}

/** A, the words that a share is bound to. */
function binding(recipe: Recipe, position: number): string {
  const branch = recipe.branchId.toString("hex");
  const share = `${position}/${recipe.threshold}/${recipe.recipients.length}`;
  const names = `realm=${recipe.realm.toString("latin1")};key=${recipe.key.toString("latin1")}`;
  return `keybroker/1;suite=${recipe.suite};${names};branch=${branch};share=${share}`;
}

/** An env recipe carried out, so that rows 10–14 are known. */
function foreign(recipe: Recipe, recipient: EnvRecipe | ForeignRecipe, position: number): ForeignRecipe {
  if ("kind" in recipient) return recipient;
  const { masterKey, salt, version, scheme = 1 } = recipient;
  const a = Buffer.from(recipient.boundTo ?? binding(recipe, position));
  const hashed = recipient.hashOf === undefined ? a : Buffer.from(recipient.hashOf);
  const share = shareAt(recipient.shareOf ?? position, recipe.branchKey, recipe.coefficients);
  const t = hkdf(masterKey, salt, Buffer.from("keybroker env v1 wrap"), 44);
  const wrapped = gcm(
    t.subarray(0, 32),
    t.subarray(32),
    a,
    Buffer.concat([share, sha256(hashed), recipient.trail ?? none]),
  );
  const masterKeyId = envId(masterKey);
  return { kind: 1, scheme, masterKeyId, version, wrapped: Buffer.concat([salt, wrapped]) };
}

function rowBytes(row: ForeignRecipe): Buffer[] {
  const id = Buffer.from(row.masterKeyId as string);
  const version = Buffer.from(row.version as string);
  const head = Buffer.from([row.kind, row.scheme]);
  return [head, u16(id.length), id, Buffer.from([version.length]), version, u16(row.wrapped.length), row.wrapped];
}

function gcm(key: Buffer, nonce: Buffer, aad: Buffer, plaintext: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

// The field by powers of the generator 3, unlike the product's own multiplication.
const powers: number[] = [1];
while (powers.length < 255) {
  const last = powers.at(-1)!;
  const doubled = (last << 1) ^ (last & 0x80 ? 0x11b : 0);
  powers.push(doubled ^ last);
}
const product = (a: number, b: number) =>
  a === 0 || b === 0 ? 0 : powers[(powers.indexOf(a) + powers.indexOf(b)) % 255]!;

/** secret + c₁x + c₂x² + … for each byte. */
export function shareAt(x: number, secret: Buffer, coefficients: Buffer): Buffer {
  const share = Buffer.from(secret);
  let power = 1;
  for (let at = 0; at < coefficients.length; at += secret.length) {
    power = product(power, x);
    for (let i = 0; i < share.length; i++) share[i]! ^= product(coefficients[at + i]!, power);
  }
  return share;
}
