// The operations of KMS, as its API reference defines them: what they take, refuse and answer.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html

import { AwsError } from "./error.ts";
import { open, seal } from "./blob.ts";
import type { EncryptionContext } from "./blob.ts";
import type { Key, Keys, Material } from "./keys.ts";

/** A call, after its signature was found good. */
export interface Call {
  readonly operation: string;
  readonly region: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What the account's policies decide: whether an action on a key is allowed under a context. */
export type Allow = (action: string, key: Key, context: EncryptionContext) => boolean;

/** Rotations that an administrator may ask for in a key's life. */
const maxRotations = 25;

type Operation = (call: Call, keys: Keys, allow: Allow) => object;

/** Every operation that this endpoint has. */
export const operations: Readonly<Record<string, Operation>> = {
  Encrypt(call, keys, allow) {
    const context = contextOf(call);
    const key = authorised(call, keys, allow, context);
    const plaintext = blobOf(call, "Plaintext", 4_096);
    usable(key);
    dryRun(call);
    return { CiphertextBlob: base64(seal(key, plaintext, context)), KeyId: key.arn, EncryptionAlgorithm: key.spec };
  },
  Decrypt(call, keys, allow) {
    const context = contextOf(call);
    const named = call.input["KeyId"] === undefined ? undefined : authorised(call, keys, allow, context);
    const ignoresBlob =
      call.input["DryRun"] === true && list(call.input["DryRunModifiers"]).includes("IGNORE_CIPHERTEXT");
    if (named && ignoresBlob) {
      usable(named);
      dryRun(call);
    }
    const blob = blobOf(call, "CiphertextBlob", 6_144);
    if (named) usable(named);
    const { key, material, plaintext } = open(blob, named, context, keys, call.region);
    usable(key);
    dryRun(call);
    return {
      KeyId: key.arn,
      Plaintext: base64(plaintext),
      EncryptionAlgorithm: key.spec,
      ...(rotates(key) && { KeyMaterialId: material.id }),
    };
  },
  DescribeKey(call, keys, allow) {
    return { KeyMetadata: describe(authorised(call, keys, allow)) };
  },
  RotateKeyOnDemand(call, keys, allow) {
    const key = authorised(call, keys, allow);
    usable(key);
    if (key.isReplica || !rotates(key))
      throw new AwsError("UnsupportedOperationException", `${key.arn} cannot be rotated on demand.`);
    if (key.materials.length > maxRotations) throw new AwsError("LimitExceededException", "On-demand rotations");
    keys.rotate(key);
    return { KeyId: key.id };
  },
  ListKeyRotations(call, keys, allow) {
    const key = authorised(call, keys, allow);
    const entries = key.materials.map((material) => rotation(key, material));
    const all = call.input["IncludeKeyMaterial"] === "ALL_KEY_MATERIAL" ? entries : entries.slice(1);
    const limit = (call.input["Limit"] as number | undefined) ?? 100;
    const start = Number(call.input["Marker"] ?? 0);
    const isTruncated = start + limit < all.length;
    const next = isTruncated ? { NextMarker: String(start + limit) } : {};
    return { Rotations: all.slice(start, start + limit), Truncated: isTruncated, ...next };
  },
};

function authorised(call: Call, keys: Keys, allow: Allow, context: EncryptionContext = {}): Key {
  const key = keys.find(call.input["KeyId"], call.region);
  if (allow(call.operation, key, context)) return key;
  const words = `is not authorized to perform: kms:${call.operation} on resource: ${key.arn}`;
  throw new AwsError("AccessDeniedException", `User: arn:aws:sts::111122223333:assumed-role/broker ${words}`);
}

/** https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html#key-state-table */
function usable(key: Key): void {
  if (key.state === "Disabled") throw new AwsError("DisabledException", `${key.arn} is disabled.`);
  if (key.state !== "Enabled") throw new AwsError("KMSInvalidStateException", `${key.arn} is ${key.state}.`);
  if (key.usage !== "ENCRYPT_DECRYPT" || key.spec !== "SYMMETRIC_DEFAULT")
    throw new AwsError("InvalidKeyUsageException", `${key.arn} key usage is ${key.usage}.`);
}

/** Keys of custom key stores are never rotated, and have no ids of materials. */
function rotates(key: Key): boolean {
  return key.origin === "AWS_KMS" || key.origin === "EXTERNAL";
}

function dryRun(call: Call): void {
  if (call.input["DryRun"] !== true) return;
  throw new AwsError(
    "DryRunOperationException",
    "The request would have succeeded, but the DryRun option is set.",
    412,
  );
}

function describe(key: Key): object {
  const multi = key.id.startsWith("mrk-");
  return {
    AWSAccountId: key.arn.split(":")[4],
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: 1_780_000_000.123,
    Enabled: key.state === "Enabled",
    KeyUsage: key.usage,
    KeyState: key.state,
    Origin: key.origin,
    KeyManager: "CUSTOMER",
    KeySpec: key.spec,
    CustomerMasterKeySpec: key.spec,
    MultiRegion: multi,
    ...(multi && { MultiRegionConfiguration: { MultiRegionKeyType: key.isReplica ? "REPLICA" : "PRIMARY" } }),
    ...(rotates(key) && { CurrentKeyMaterialId: key.materials.at(-1)!.id }),
  };
}

function rotation(key: Key, material: Material): object {
  return {
    KeyId: key.id,
    KeyMaterialId: material.id,
    KeyMaterialState: material === key.materials.at(-1) ? "CURRENT" : "NON_CURRENT",
    ...(material.rotatedAt && { RotationDate: material.rotatedAt.getTime() / 1_000, RotationType: "ON_DEMAND" }),
  };
}

function contextOf({ input }: Call): EncryptionContext {
  const context = (input["EncryptionContext"] ?? {}) as EncryptionContext;
  if (Object.values(context).some((value) => typeof value !== "string"))
    throw new AwsError("SerializationException", "EncryptionContext is a map of strings");
  return context;
}

/** Base64 as AWS takes it: canonical. */
function blobOf({ input }: Call, name: string, maxBytes: number): Buffer {
  const text = input[name];
  const bytes = typeof text === "string" ? Buffer.from(text, "base64") : Buffer.alloc(0);
  if (typeof text === "string" && base64(bytes) !== text) throw new AwsError("SerializationException");
  if (bytes.length >= 1 && bytes.length <= maxBytes) return bytes;
  const message = `1 validation error detected: Value at '${name}' failed to satisfy constraint: length 1 to ${maxBytes}`;
  throw new AwsError("ValidationException", message);
}

const base64 = (bytes: Buffer): string => bytes.toString("base64");
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
