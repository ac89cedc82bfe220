// A key's versions: listed, made, made primary, enabled and disabled.

import { setTimeout as sleep } from "node:timers/promises";
import { BrokerError } from "../../src/errors/index.ts";
import type { MasterKey, MasterKeyVersion, VersionState } from "../../src/provider/index.ts";
import { isVersionId, versionName, versionOf } from "./key-name.ts";
import { byNumber, note, readKey } from "./resources.ts";
import type { Key, Seen, Version } from "./resources.ts";
import type { Service } from "./service.ts";

/** How often a version that an HSM is still making is asked for, in milliseconds. */
const pollMs = 500;

/** The calls for a key's versions, as a master key has them. */
export type VersionCalls = Required<Pick<MasterKey, "versions" | "rotate" | "setVersionState">>;

/** The calls for this key's versions. */
export function versionCalls(service: Service, key: string, seen: Seen): VersionCalls {
  /** Made by `rotate` and not yet primary: when rotating is tried again, it is not made a second time. */
  let made: string | undefined;
  return {
    versions: (signal) => listVersions(service, key, seen, signal),
    async rotate(signal) {
      made ??= await create(service, key, signal);
      await untilEnabled(service, key, made, signal);
      await makePrimary(service, key, seen, made, signal);
      const version = made;
      made = undefined;
      return version;
    },
    async setVersionState(version, state, signal) {
      if (!isVersionId(version)) throw invalid(`"${version}" is no version of Cloud KMS: they are numbers from 1`);
      if (state === "primary") await makePrimary(service, key, seen, version, signal);
      else await setState(service, key, version, state, signal);
    },
  };
}

async function listVersions(
  service: Service,
  key: string,
  seen: Seen,
  signal: AbortSignal,
): Promise<readonly MasterKeyVersion[]> {
  const [current, all] = await Promise.all([readKey(service, key, signal), readVersions(service, key, signal)]);
  note(seen, key, current);
  const named = all.flatMap((version) => {
    const id = versionOf(key, version.name);
    return id === undefined ? [] : [{ id, version }];
  });
  named.sort((one, other) => byNumber(one.id, other.id));
  return named.map(({ id, version }) => described(id, version, seen.primary));
}

interface Page {
  readonly cryptoKeyVersions?: readonly Version[] | null;
  readonly nextPageToken?: string | null;
}

/** Page by page. A version that is made meanwhile is on the last one, if it is there. */
async function readVersions(service: Service, key: string, signal: AbortSignal): Promise<readonly Version[]> {
  const versions: Version[] = [];
  for (let pageToken: string | null | undefined = ""; ;) {
    const request = { parent: key, pageToken };
    const call = { method: "listCryptoKeyVersions", purpose: "read", routing: ["parent", key], request } as const;
    const page: Page = await service.call<Page>(call, signal);
    versions.push(...(page.cryptoKeyVersions ?? []));
    pageToken = page.nextPageToken;
    if (!pageToken) return versions;
  }
}

function described(id: string, { state, createTime }: Version, primary: string): MasterKeyVersion {
  const enabled = id === primary ? "primary" : "enabled";
  const { seconds, nanos } = createTime ?? {};
  const createdAt = seconds === undefined ? undefined : new Date(Number(seconds) * 1_000 + Number(nanos ?? 0) / 1e6);
  return { version: id, state: state === "ENABLED" ? enabled : "disabled", createdAt };
}

async function create(service: Service, key: string, signal: AbortSignal): Promise<string> {
  const request = { parent: key, cryptoKeyVersion: {} };
  const call = { method: "createCryptoKeyVersion", purpose: "manage", routing: ["parent", key], request } as const;
  return idOf(key, await service.call<Version>(call, signal));
}

/** A software key's version is there at once. An HSM or an external key manager takes its time; the signal ends the wait. */
async function untilEnabled(service: Service, key: string, version: string, signal: AbortSignal): Promise<void> {
  const name = versionName(key, version);
  const request = { name };
  const call = { method: "getCryptoKeyVersion", purpose: "read", routing: ["name", name], request } as const;
  for (;;) {
    const { state } = await service.call<Version>(call, signal);
    if (state === "ENABLED") return;
    if (state !== "PENDING_GENERATION")
      throw invalid(
        `the new version ${version} became ${String(state)}: see it in Cloud KMS; the old one stays primary`,
      );
    await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function makePrimary(
  service: Service,
  key: string,
  seen: Seen,
  version: string,
  signal: AbortSignal,
): Promise<void> {
  const request = { name: key, cryptoKeyVersionId: version };
  const routing = ["name", key] as const;
  const call = { method: "updateCryptoKeyPrimaryVersion", purpose: "manage", routing, request } as const;
  note(seen, key, await service.call<Key>(call, signal));
}

async function setState(
  service: Service,
  key: string,
  version: string,
  state: Exclude<VersionState, "primary">,
  signal: AbortSignal,
): Promise<void> {
  const name = versionName(key, version);
  const request = { cryptoKeyVersion: { name, state: state.toUpperCase() }, updateMask: { paths: ["state"] } };
  const routing = ["crypto_key_version.name", name] as const;
  await service.call({ method: "updateCryptoKeyVersion", purpose: "manage", routing, request }, signal);
}

function idOf(key: string, { name }: Version): string {
  const id = versionOf(key, name);
  if (id === undefined)
    throw new BrokerError("INTERNAL", `Cloud KMS answered with a version of another key than ${key}`);
  return id;
}

function invalid(message: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", message);
}
