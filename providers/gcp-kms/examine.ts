// What `keybroker doctor` finds out about Cloud KMS: credentials, reachability, clock, keys, permissions. It only reads.

import { isBrokerError } from "../../src/errors/index.ts";
import type { Finding } from "../../src/provider/index.ts";
import { checkKey, checkPrimary } from "./check.ts";
import { permissions } from "./master-key.ts";
import type { Only } from "./master-key.ts";
import { heldPermissions, readKey } from "./resources.ts";
import type { Key } from "./resources.ts";
import type { Service } from "./service.ts";

/** How far our clock may be from Cloud KMS's: tokens that we sign are refused beyond five minutes. */
const maxSkewMs = 120_000;

/** Permissions that only `keys list-versions`, `rotate` and the like need. */
const managing = [
  "cloudkms.cryptoKeyVersions.list",
  "cloudkms.cryptoKeyVersions.create",
  "cloudkms.cryptoKeyVersions.update",
  "cloudkms.cryptoKeys.update",
];

/** Looks at all that calls with these keys will need. */
export async function* examine(
  service: Service,
  { only }: { readonly only?: Only },
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const who = await attempt(() => service.credentials.headers(signal));
  if ("failed" in who) {
    yield bad("credentials", who.failed, "give the provider credentials that are not revoked");
    return;
  }
  yield good("credentials", `there is a token for ${service.credentials.describe()}`);
  for (const key of keys) yield* examineKey(service, key, only, signal);
}

async function* examineKey(service: Service, name: string, only: Only, signal: AbortSignal): AsyncGenerator<Finding> {
  let serverMs = NaN;
  const read = await attempt(() => readKey(service, name, signal, (date) => void (serverMs = Date.parse(date))));
  yield clock(serverMs);
  if ("failed" in read) {
    const fix = `grant cloudkms.cryptoKeys.get on it; then try: gcloud kms keys describe ${name}`;
    yield bad(`key ${name}`, read.failed, fix);
  } else yield keyFinding(name, read.value);
  yield* permissionFindings(service, name, only, signal);
}

function keyFinding(name: string, key: Key): Finding {
  try {
    checkKey(name, key);
    checkPrimary(name, key);
  } catch (error) {
    return bad(`key ${name}`, wordsOf(error), `see: gcloud kms keys versions list --key ${name}`);
  }
  const level = String(key.primary?.protectionLevel ?? "unknown").toLowerCase();
  return good(`key ${name}`, `it is there and enabled, its protection level is ${level}`);
}

function clock(serverMs: number): Finding {
  if (Number.isNaN(serverMs)) return { check: "clock", outcome: "note", detail: "Cloud KMS did not tell its time" };
  const skewMs = Math.abs(Date.now() - serverMs);
  const detail = `this machine's clock and Cloud KMS's are ${Math.round(skewMs / 1_000)} s apart`;
  return skewMs <= maxSkewMs ? good("clock", detail) : bad("clock", detail, "set the clock, and keep it by NTP");
}

async function* permissionFindings(
  service: Service,
  name: string,
  only: Only,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const needed = Object.entries(permissions).filter(([what]) => only === undefined || what === only);
  const wanted = [...needed.map(([, permission]) => permission), ...managing];
  const asked = await attempt(() => heldPermissions(service, name, wanted, signal));
  if ("failed" in asked) {
    yield { check: `permissions on ${name}`, outcome: "note", detail: asked.failed };
    return;
  }
  for (const [what, permission] of needed) {
    const check = `permission to ${what} with ${name}`;
    if (asked.value.includes(permission)) yield good(check, `${permission} is granted`);
    else
      yield bad(
        check,
        `${permission} is missing`,
        `grant a role with it: gcloud kms keys add-iam-policy-binding ${name}`,
      );
  }
  const missing = managing.filter((permission) => !asked.value.includes(permission));
  const detail = missing.length === 0 ? "versions can be listed, made and changed" : `without ${missing.join(", ")}`;
  yield { check: `managing versions of ${name}`, outcome: "note", detail };
}

type Attempted<T> = { readonly value: T } | { readonly failed: string };

/** A failure of the backend as words; an abort is the caller's. */
async function attempt<T>(work: () => Promise<T>): Promise<Attempted<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { failed: wordsOf(error) };
  }
}

function wordsOf(error: unknown): string {
  return isBrokerError(error) ? error.message : "it failed in an unexpected way";
}

function good(check: string, detail: string): Finding {
  return { check, outcome: "good", detail };
}

function bad(check: string, detail: string, fix: string): Finding {
  return { check, outcome: "bad", detail, fix };
}
