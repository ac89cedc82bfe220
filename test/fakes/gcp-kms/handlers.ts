// What each call of Cloud KMS does, by the service's definition.

import { crc32c } from "@aws-crypto/crc32c";
import type { Caller } from "./accounts.ts";
import type { Answer, Lie } from "./lies.ts";
import { invalid, notEnabled } from "./refusal.ts";
import { makerOf, requireEnabled, seal, unseal } from "./store.ts";
import type { Store, StoredKey, StoredVersion } from "./store.ts";

/** A call's surroundings. */
interface Context {
  readonly store: Store;
  readonly caller: Caller;
  readonly lies: readonly Lie[];
}

type Checksum = { readonly value: string } | null;

interface CryptRequest {
  readonly name: string;
  readonly plaintext: Buffer;
  readonly ciphertext: Buffer;
  readonly additionalAuthenticatedData: Buffer;
  readonly plaintextCrc32c: Checksum;
  readonly ciphertextCrc32c: Checksum;
  readonly additionalAuthenticatedDataCrc32c: Checksum;
}

const maxBytes = 65_536;
const maxHsmBytes = 8_192;

function encrypt(request: CryptRequest, { store, caller }: Context): Answer {
  const { name, plaintext, additionalAuthenticatedData: aad } = request;
  const { key, version } = name.includes("/cryptoKeyVersions/") ? store.version(name) : primaryOf(store.key(name));
  caller.require("cloudkms.cryptoKeyVersions.useToEncrypt", name);
  requirePurpose(key);
  if (plaintext.length === 0) throw invalid("The plaintext must not be empty.");
  checkSizes(key, plaintext, aad);
  requireEnabled(version);
  const verifiedPlaintextCrc32c = verified("plaintext", plaintext, request.plaintextCrc32c);
  const verifiedAdditionalAuthenticatedDataCrc32c = verifiedAad(request);
  const ciphertext = seal(version, plaintext, aad);
  return {
    name: version.name,
    ciphertext,
    ciphertextCrc32c: { value: crc32c(ciphertext) },
    verifiedPlaintextCrc32c,
    verifiedAdditionalAuthenticatedDataCrc32c,
  };
}

function decrypt(request: CryptRequest, { store, caller, lies }: Context): Answer {
  const { name, ciphertext, additionalAuthenticatedData: aad } = request;
  const key = store.key(name);
  caller.require("cloudkms.cryptoKeyVersions.useToDecrypt", name);
  requirePurpose(key);
  verified("ciphertext", ciphertext, request.ciphertextCrc32c);
  verifiedAad(request);
  const version = makerOf(key, ciphertext);
  requireEnabled(version);
  const ignored = lies.some(({ kind }) => kind === "ignore associated data");
  const plaintext = unseal(version, ciphertext, ignored ? undefined : aad);
  return { plaintext, plaintextCrc32c: { value: crc32c(plaintext) }, usedPrimary: version === key.primary };
}

function primaryOf(key: StoredKey): { key: StoredKey; version: StoredVersion } {
  if (!key.primary) throw notEnabled(key.name, "MISSING");
  return { key, version: key.primary };
}

function requirePurpose({ name, purpose }: StoredKey): void {
  if (purpose !== "ENCRYPT_DECRYPT")
    throw invalid(`CryptoKey ${name} has purpose ${purpose}, which does not support this operation.`);
}

function checkSizes({ protectionLevel }: StoredKey, plaintext: Buffer, aad: Buffer): void {
  const hsm = protectionLevel === "HSM";
  const tooLong = hsm ? plaintext.length + aad.length > maxHsmBytes : Math.max(plaintext.length, aad.length) > maxBytes;
  if (tooLong) throw invalid("The plaintext or the additional authenticated data is too long.");
}

function verifiedAad({ additionalAuthenticatedData, additionalAuthenticatedDataCrc32c }: CryptRequest): boolean {
  return verified("additional_authenticated_data", additionalAuthenticatedData, additionalAuthenticatedDataCrc32c);
}

function verified(field: string, bytes: Buffer, told: Checksum): boolean {
  if (!told) return false;
  if (Number(told.value) === crc32c(bytes)) return true;
  throw invalid(`The checksum in field ${field}_crc32c did not match the data in field ${field}.`);
}

function getCryptoKey({ name }: { name: string }, { store, caller }: Context): object {
  const key = store.key(name);
  caller.require("cloudkms.cryptoKeys.get", name);
  return describeKey(key);
}

function describeKey(key: StoredKey): object {
  const { name, purpose, primary } = key;
  return { name, purpose, primary: primary && describeVersion(key, primary) };
}

function describeVersion({ protectionLevel }: StoredKey, { name, state, createdAt }: StoredVersion): object {
  const createTime = { seconds: Math.floor(createdAt.getTime() / 1_000), nanos: 0 };
  return { name, state, protectionLevel, algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION", createTime };
}

function getCryptoKeyVersion({ name }: { name: string }, { store, caller }: Context): object {
  const { key, version } = store.version(name);
  caller.require("cloudkms.cryptoKeyVersions.get", name);
  if (version.state === "PENDING_GENERATION" && --key.pendingReads <= 0) version.state = "ENABLED";
  return describeVersion(key, version);
}

interface ListRequest {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Pages are small, so that whoever reads one alone is found out. */
const largestPage = 2;

function listCryptoKeyVersions({ parent, pageSize, pageToken }: ListRequest, { store, caller }: Context): object {
  const key = store.key(parent);
  caller.require("cloudkms.cryptoKeyVersions.list", parent);
  const start = Number(pageToken || 0);
  if (!Number.isInteger(start) || start < 0) throw invalid("Invalid page token.");
  const end = start + (pageSize > 0 ? Math.min(pageSize, largestPage) : largestPage);
  const page = key.versions.slice(start, end).map((version) => describeVersion(key, version));
  const nextPageToken = end < key.versions.length ? String(end) : "";
  return { cryptoKeyVersions: page, nextPageToken, totalSize: key.versions.length };
}

interface CreateRequest {
  readonly parent: string;
  readonly cryptoKeyVersion: object | null;
}

function createCryptoKeyVersion({ parent, cryptoKeyVersion }: CreateRequest, { store, caller }: Context): object {
  const key = store.key(parent);
  caller.require("cloudkms.cryptoKeyVersions.create", parent);
  if (!cryptoKeyVersion) throw invalid("Required field [crypto_key_version] is missing.");
  return describeVersion(key, store.addVersion(key));
}

interface UpdateRequest {
  readonly cryptoKeyVersion: { readonly name: string; readonly state: StoredVersion["state"] } | null;
  readonly updateMask: { readonly paths: readonly string[] } | null;
}

function updateCryptoKeyVersion({ cryptoKeyVersion, updateMask }: UpdateRequest, { store, caller }: Context): object {
  const { key, version } = store.version(cryptoKeyVersion?.name ?? "");
  caller.require("cloudkms.cryptoKeyVersions.update", version.name);
  if (updateMask?.paths.join() !== "state") throw invalid("Required field [update_mask] must be: state.");
  const states = ["ENABLED", "DISABLED"];
  if (!states.includes(cryptoKeyVersion!.state)) throw invalid("The state can only become ENABLED or DISABLED.");
  if (!states.includes(version.state)) throw notEnabled(version.name, version.state);
  version.state = cryptoKeyVersion!.state;
  return describeVersion(key, version);
}

interface PrimaryRequest {
  readonly name: string;
  readonly cryptoKeyVersionId: string;
}

function updateCryptoKeyPrimaryVersion(request: PrimaryRequest, { store, caller }: Context): object {
  const key = store.key(request.name);
  caller.require("cloudkms.cryptoKeys.update", request.name);
  requirePurpose(key);
  const { version } = store.version(`${key.name}/cryptoKeyVersions/${request.cryptoKeyVersionId}`);
  requireEnabled(version);
  key.primary = version;
  return describeKey(key);
}

interface TestRequest {
  readonly resource: string;
  readonly permissions: readonly string[];
}

/** Of a resource that is not there nobody has a permission: that is no error. */
function testIamPermissions({ resource, permissions }: TestRequest, { store, caller }: Context): object {
  try {
    store.key(resource);
  } catch {
    return { permissions: [] };
  }
  return { permissions: permissions.filter((permission) => caller.may(permission)) };
}

type Handler = (request: never, context: Context) => unknown;

/** The calls of KeyManagementService that the fake serves; all others are UNIMPLEMENTED. */
export const keyManagementHandlers: Readonly<Record<string, Handler>> = {
  encrypt,
  decrypt,
  getCryptoKey,
  getCryptoKeyVersion,
  listCryptoKeyVersions,
  createCryptoKeyVersion,
  updateCryptoKeyVersion,
  updateCryptoKeyPrimaryVersion,
};

/** Those of IAMPolicy. */
export const iamHandlers: Readonly<Record<string, Handler>> = { testIamPermissions };
