// What the server says of a transit key, and whether it is one that we wrap with.

import { BrokerError } from "../../src/errors/index.ts";
import { causeOf, damaged, failureOf } from "./errors.ts";
import type { Session } from "./session.ts";

/** A transit key, as `GET <mount>/keys/<key>` answers. */
export interface KeyFacts {
  readonly type: string;
  readonly latest: number;
  /** Versions below it do not unwrap. */
  readonly minDecryption: number;
  /** Versions below it are gone for good. */
  readonly minAvailable: number;
  /** Seconds since 1970 by version; versions below minDecryption are not told. */
  readonly createdAtS: ReadonlyMap<number, number>;
  readonly exportable: boolean;
  readonly plaintextBackup: boolean;
  readonly deletionAllowed: boolean;
}

/** A transit key at the server. */
export interface TransitKey {
  /** `transit/keys/db`: where the key is read. */
  readonly path: string;
  /** The path of one of the key's operations: `transit/encrypt/db`. */
  pathOf(operation: "encrypt" | "decrypt"): string;
  /** Reads the key. Throws KEY_DISABLED when it is not there, was made anew, or is none that we wrap with. */
  read(signal: AbortSignal): Promise<KeyFacts>;
  /** What was read last, if that was not long ago. */
  recent(): KeyFacts | undefined;
  /** What was read last, however long ago. */
  last(): KeyFacts | undefined;
  /** Has `recent` answer nothing until the key is read again: it has changed. */
  forget(): void;
}

/** What was read stays good for this time: a rotation shows in `rewrapDue` that much later. */
const freshMs = 60_000;

/** 256-bit AEAD ciphers that take associated data, and how often one version may wrap (SP 800-38D: 2^32 random IVs). */
export const wrapLimits: Readonly<Record<string, number | undefined>> = {
  "aes256-gcm96": 2 ** 32,
  "chacha20-poly1305": 2 ** 32,
  "xchacha20-poly1305": undefined,
};

/** Makes it; nothing is asked yet. */
export function createTransitKey(session: Session, mount: string, name: string): TransitKey {
  const path = `${mount}/keys/${name}`;
  /** Creation times by version, as seen first: a key made anew under the same name has others. */
  const seen = new Map<number, number>();
  let last: { readonly facts: KeyFacts; goodUntilMs: number } | undefined;

  return {
    path,
    pathOf: (operation) => `${mount}/${operation}/${name}`,
    async read(signal) {
      const answer = await session.send({ method: "GET", path, signal });
      if (answer.status !== 200) throw failureOf(answer, path);
      const facts = factsOf(answer.json, path);
      refuseUnusable(facts, path);
      refuseAnew(facts, seen, path);
      for (const [version, createdAtS] of facts.createdAtS) seen.set(version, createdAtS);
      last = { facts, goodUntilMs: performance.now() + freshMs };
      return facts;
    },
    recent: () => (last && performance.now() < last.goodUntilMs ? last.facts : undefined),
    last: () => last?.facts,
    forget() {
      if (last) last.goodUntilMs = 0;
    },
  };
}

type Data = Readonly<Record<string, unknown>>;

function factsOf(json: unknown, path: string): KeyFacts {
  const data = (json as { data?: Data } | undefined)?.data;
  const { type, latest_version: latest, keys } = data ?? {};
  if (!data || typeof type !== "string" || !isVersion(latest)) throw damaged(path);
  if (data["soft_deleted"] === true)
    throw disabled(
      `the transit key ${path} is deleted: soft-delete-restore brings it back`,
      causeOf("soft-deleted", "soft_deleted"),
    );
  if (data["derived"] === true || data["convergent_encryption"] === true)
    throw disabled(
      `the transit key ${path} is derived: keybroker needs one made without derived and convergent_encryption`,
    );
  const times = Object.entries(typeof keys === "object" && keys !== null ? keys : {});
  return {
    type,
    latest,
    minDecryption: isVersion(data["min_decryption_version"]) ? data["min_decryption_version"] : 1,
    minAvailable: isVersion(data["min_available_version"]) ? data["min_available_version"] : 1,
    createdAtS: new Map(times.filter(isTime).map(([version, createdAtS]) => [Number(version), createdAtS])),
    exportable: data["exportable"] === true,
    plaintextBackup: data["allow_plaintext_backup"] === true,
    deletionAllowed: data["deletion_allowed"] === true,
  };
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isTime(entry: [string, unknown]): entry is [string, number] {
  return typeof entry[1] === "number";
}

function refuseUnusable({ type }: KeyFacts, path: string): void {
  if (Object.hasOwn(wrapLimits, type)) return;
  const types = Object.keys(wrapLimits).join(", ");
  throw disabled(`the transit key ${path} is of type ${type}: it must be one of ${types}`);
}

function refuseAnew({ createdAtS }: KeyFacts, seen: ReadonlyMap<number, number>, path: string): void {
  const anew = [...createdAtS].some(([version, time]) => (seen.get(version) ?? time) !== time);
  if (!anew) return;
  throw disabled(
    `the transit key ${path} was deleted and another made under its name, which opens no envelope of before: restore the old one from its backup, or restart keybroker to go on with the new one`,
  );
}

function disabled(message: string, cause?: Error): BrokerError {
  return new BrokerError("KEY_DISABLED", message, { cause });
}
