// One plain envelope made by the product's own functions, for tests to look at and spoil.

import { deriveKeys, encodeBranchHeader } from "../../../src/envelope/index.ts";
import type { BranchHeader, Context, SealingBranch } from "../../../src/envelope/index.ts";
import { randomBytes } from "../../../src/secret/index.ts";
import { env, masterKey, recipe } from "../../vectors/recipes.ts";
import { write } from "../../vectors/writer.ts";

/** What the sample's context is. */
export const sampleContext: Context = { host: "db-1", set: "nightly" };
/** What the sample's master keys are. */
export const sampleMasterKeys = [masterKey("one")];

/** A branch header with a recipient of no known kind. */
export function sampleHeader(change: Partial<BranchHeader> = {}): BranchHeader {
  const wrapped = randomBytes(112);
  const recipient = { kind: 2, scheme: 1, masterKeyId: "arn:aws:kms:eu:1:key/5c", version: "7", wrapped };
  const names = { realm: "prod", key: "backups/db" };
  return { suite: 1, threshold: 1, branchId: randomBytes(16), ...names, recipients: [recipient], ...change };
}

/** A branch that seals under that header. */
export function sampleBranch(header = sampleHeader()): SealingBranch {
  const h0 = encodeBranchHeader(header);
  return { h0, ...deriveKeys(randomBytes(32), h0) };
}

/** An envelope with one env recipient, which `openWith` opens with the sample's master keys and context. */
export function sampleEnvelope(): Buffer {
  return write(recipe("sample", { recipients: [env("sample", "one")] })).envelope;
}
