// What golden vectors are made of: fixed "random" bytes and one plain envelope that each of them varies.

import { createHash } from "node:crypto";
import type { EnvRecipe, ForeignRecipe, Recipe } from "./writer.ts";

/** A context as it stands in a vector's JSON. */
export type JsonContext = Readonly<Record<string, string>>;

/** Bytes that look random and are the same for ever. */
export function bytes(label: string, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(`keybroker vector ${label}`).digest();
}

/** A master key of the env provider. */
export const masterKey = (name: string): Buffer => bytes(`master key ${name}`, 32);

/** A recipient that holds a share under an env master key. */
export function env(vector: string, name: string, change: Partial<EnvRecipe> = {}): EnvRecipe {
  return { masterKey: masterKey(name), salt: bytes(`${vector} salt ${name}`, 32), version: "", ...change };
}

/** A recipient of a kind that no reader here can open. */
export function foreign(vector: string, change: Partial<ForeignRecipe> = {}): ForeignRecipe {
  const wrapped = bytes(`${vector} foreign`, 184);
  return {
    kind: 2,
    scheme: 1,
    masterKeyId: "arn:aws:kms:eu-central-1:111122223333:key/5c1e",
    version: "",
    wrapped,
    ...change,
  };
}

/** Pairs as bytes; a lone surrogate becomes U+FFFD, as in writers that do not check. */
export function pairs(context: JsonContext): [Buffer, Buffer][] {
  return Object.keys(context).map((name) => [Buffer.from(name), Buffer.from(context[name]!)]);
}

/** One env recipient, a data key of 32 bytes, a context of two pairs; changed as told. */
export function recipe(vector: string, change: Partial<Recipe> = {}): Recipe {
  const threshold = change.threshold ?? 1;
  return {
    magic: Buffer.from("KBE"),
    format: 1,
    suite: 1,
    threshold,
    branchId: bytes(`${vector} branch id`, 16),
    realm: Buffer.from("prod"),
    key: Buffer.from("backups/db"),
    recipients: [env(vector, "one", { version: "2026" })],
    branchKey: bytes(`${vector} branch key`, 32),
    coefficients: bytes(`${vector} coefficients`, 32 * Math.max(0, threshold - 1)),
    nonce: bytes(`${vector} nonce`, 12),
    context: pairs(plainContext),
    dataKey: bytes(`${vector} data key`, 32),
    ...change,
  };
}

/** The context of most vectors. */
export const plainContext: JsonContext = { host: "db-1", set: "nightly" };
