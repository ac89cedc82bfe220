// The env provider: master keys from environment variables and files, kept in this process.

import { createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { BrokerError } from "../../src/errors/index.ts";
import { secret } from "../../src/provider/index.ts";
import type { MasterKey, Provider, ProviderKind, SecretSource } from "../../src/provider/index.ts";
import { wipe } from "../../src/secret/index.ts";
import { decodeMasterKey, withoutLastLineBreak } from "./decode.ts";
import { masterKeyOf, scheme } from "./master-key.ts";

const versionName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "a version's name is 1 to 64 characters of a-z, 0-9, '.', '_' and '-'");

const settings = z
  .strictObject({
    keys: z
      .record(versionName, secret())
      .describe("The master key's versions: where each 32-byte key is, in base64, base64url or hex."),
    primary: versionName
      .optional()
      .describe("The version that new branch keys are wrapped under. May be left out when there is one."),
    development: z
      .boolean()
      .optional()
      .describe("This key was generated for trying keybroker: warn of it at every start."),
  })
  .superRefine(({ keys, primary }, context) => {
    const names = Object.keys(keys);
    const report = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (names.length === 0) report("keys", "at least one version is needed");
    if (names.length > 1 && primary === undefined)
      report("keys", "with several versions, primary must name one of them");
    if (primary !== undefined && !names.includes(primary))
      report("primary", `no version under keys is called ${primary}`);
  });

const reference = z.strictObject({
  key: versionName
    .optional()
    .describe("A version to wrap and unwrap with, alone. Left out: wrap with the primary one, unwrap with all."),
});

/** What the settings schema makes. */
export type EnvSettings = z.output<typeof settings>;

/** The env provider's kind. */
const kind: ProviderKind = { kind: "env", number: 1, schemes: [scheme], settings, reference, open };

export default kind;

/** Reads every key: throws REQUEST_INVALID, naming the variable or file and what is wrong with it. */
function open(opened: EnvSettings): Promise<Provider> {
  return new Promise((resolve) => resolve(openNow(opened)));
}

function openNow(opened: EnvSettings): Provider {
  const keys = new Map<string, KeyObject>();
  for (const [name, source] of Object.entries(opened.keys)) addKey(keys, name, source, opened);
  const primary = opened.primary ?? Object.keys(opened.keys)[0]!;
  const versionOf = (name: string) => ({ name, key: () => keyOf(keys, name), retired: name !== primary });
  const find = (wanted: string | undefined): MasterKey => {
    if (keys.size > 0 && wanted !== undefined && !keys.has(wanted)) throw noVersion(wanted);
    if (wanted !== undefined) return masterKeyOf({ ...versionOf(wanted), retired: false });
    const others = [...keys.keys()].filter((name) => name !== primary);
    return masterKeyOf(
      versionOf(primary),
      others.map((name) => masterKeyOf(versionOf(name))),
    );
  };
  return {
    masterKey: (wanted) => new Promise((resolve) => resolve(find((wanted as z.output<typeof reference>).key))),
    close: () => Promise.resolve(keys.clear()),
  };
}

function addKey(keys: Map<string, KeyObject>, name: string, source: SecretSource, { keys: all }: EnvSettings): void {
  const key = readKey(source);
  const twin = [...keys].find(([, other]) => other.equals(key))?.[0];
  if (twin !== undefined) {
    const places = `${all[twin]!.describe()} and the ${source.describe()}`;
    throw new BrokerError(
      "REQUEST_INVALID",
      `the ${places} hold the same key: versions ${twin} and ${name} must differ`,
    );
  }
  keys.set(name, key);
}

function readKey(source: SecretSource): KeyObject {
  const where = source.describe();
  const text = source.read();
  let key: Buffer | undefined;
  try {
    key = decodeMasterKey(where.startsWith("file ") ? withoutLastLineBreak(text) : text, where);
    return createSecretKey(key);
  } finally {
    wipe(text, key);
  }
}

function keyOf(keys: ReadonlyMap<string, KeyObject>, name: string): KeyObject {
  const key = keys.get(name);
  if (!key) throw new BrokerError("PROVIDER_UNAVAILABLE", "the env provider is closed");
  return key;
}

function noVersion(name: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", `the env provider has no key version called ${name}`);
}
