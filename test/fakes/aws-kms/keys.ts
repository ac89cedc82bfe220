// The keys of an account: their states, materials, aliases and replicas, as DescribeKey's documentation has them.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { AwsError } from "./error.ts";

/** Key material, shared by the related keys of a multi-Region key. */
export interface Material {
  readonly id: string;
  readonly bytes: Buffer;
  /** Undefined for the first. */
  readonly rotatedAt: Date | undefined;
}

type KeyState = "Enabled" | "Disabled" | "PendingDeletion" | "PendingImport" | "Unavailable" | "Creating" | "Updating";

/** A key in one region. */
export interface Key {
  readonly id: string;
  readonly arn: string;
  readonly region: string;
  readonly usage: string;
  readonly spec: string;
  readonly origin: string;
  readonly isReplica: boolean;
  state: KeyState;
  /** The newest last. Replicas share the list with their primary. */
  readonly materials: Material[];
}

interface KeyOptions {
  readonly region?: string;
  readonly multiRegion?: boolean;
  readonly usage?: string;
  readonly spec?: string;
  readonly origin?: string;
  /** Of a key that was there before, and is brought back. */
  readonly id?: string;
  /** Its first material, 32 bytes; random when left out. */
  readonly material?: Buffer;
}

export const account = "111122223333";
export const homeRegion = "eu-central-1";

/** The keys of the account in all regions. */
export interface Keys {
  create(options?: KeyOptions): Key;
  replicate(key: Key, region: string): Key;
  alias(name: string, key: Key): string;
  rotate(key: Key): Material;
  /** By id, ARN, alias or alias ARN, in a region. Throws as KMS does. */
  find(name: unknown, region: string): Key;
  remove(key: Key): void;
}

export function createKeys(): Keys {
  const all: Key[] = [];
  const aliases = new Map<string, Key>();
  const arnOf = (region: string, resource: string) => `arn:aws:kms:${region}:${account}:${resource}`;
  const find = (name: string, region: string): Key | undefined => {
    const resource = name.startsWith("arn:") ? resourceOf(name, region) : name;
    if (resource.startsWith("alias/")) return aliases.get(arnOf(region, resource));
    const id = resource.replace(/^key\//, "");
    return all.find((key) => key.id === id && key.region === region);
  };
  return {
    create({ region = homeRegion, multiRegion, id = newId(multiRegion), material, ...options } = {}) {
      const key: Key = {
        id,
        region,
        arn: arnOf(region, `key/${id}`),
        usage: "ENCRYPT_DECRYPT",
        spec: "SYMMETRIC_DEFAULT",
        origin: "AWS_KMS",
        isReplica: false,
        state: "Enabled",
        materials: [materialOf(id, undefined, material)],
        ...options,
      };
      all.push(key);
      return key;
    },
    replicate(key, region) {
      const replica: Key = { ...key, region, arn: arnOf(region, `key/${key.id}`), isReplica: true, state: "Enabled" };
      all.push(replica);
      return replica;
    },
    alias(name, key) {
      const arn = arnOf(key.region, `alias/${name}`);
      aliases.set(arn, key);
      return arn;
    },
    rotate(key) {
      const material = materialOf(key.id, new Date());
      key.materials.push(material);
      return material;
    },
    find(name, region) {
      if (typeof name !== "string" || name.length < 1 || name.length > 2_048)
        throw new AwsError("ValidationException", "1 validation error detected: Value at 'keyId' failed a constraint");
      const key = find(name, region);
      if (key) return key;
      const what = name.includes("alias/") ? `Alias ${name} is not found.` : `Key '${name}' does not exist`;
      throw new AwsError("NotFoundException", what);
    },
    remove: (key) => void all.splice(all.indexOf(key), 1),
  };
}

function newId(multiRegion = false): string {
  return multiRegion ? `mrk-${randomUUID().replaceAll("-", "")}` : randomUUID();
}

function materialOf(keyId: string, rotatedAt: Date | undefined, bytes: Buffer = randomBytes(32)): Material {
  return { id: createHash("sha256").update(keyId).update(bytes).digest("hex"), bytes, rotatedAt };
}

function resourceOf(arn: string, region: string): string {
  const [, , service, arnRegion, owner, ...rest] = arn.split(":");
  if (service !== "kms" || rest.length !== 1) throw new AwsError("InvalidArnException", `Invalid arn ${arn}`);
  if (arnRegion !== region || owner !== account) throw new AwsError("NotFoundException", `Invalid arn ${arnRegion}`);
  return rest[0]!;
}
