// What `keybroker doctor` looks at: credentials, reachability, clock, each key, and each permission.

import { isBrokerError } from "../../src/errors/index.ts";
import type { Finding } from "../../src/provider/index.ts";
import { formatKeyArn, inRegion, isMultiRegion } from "./arn.ts";
import type { KeyArn } from "./arn.ts";
import { describe, faultOfState, protectionOf } from "./key-state.ts";
import type { Context } from "./kms-key.ts";
import { askPermission, honoursContext } from "./permissions.ts";
import type { Region } from "./regions.ts";
import { resolve } from "./resolve.ts";
import { listVersions } from "./rotation.ts";
import type { AwsKmsReference } from "./settings.ts";

/** AWS takes signatures of up to five minutes either way. */
const tolerableSkewMs = 240_000;

/** Looks, changes nothing, and tells each failure with what to do about it. Throws only what `signal` was aborted with. */
export async function* examine(
  references: readonly AwsKmsReference[],
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const [first, ...others] = context.regions;
  const credentials = await attempt(signal, () => first.credentials());
  yield "error" in credentials
    ? bad("credentials", credentials.error, "aws sts get-caller-identity, as the daemon's user, says what is missing")
    : good("credentials", "there are credentials that have not expired");
  if ("error" in credentials) return;
  for (const { key } of references) {
    const resolved = await attempt(signal, () => resolve(key, context, signal));
    if ("error" in resolved) yield bad(`key ${key}`, resolved.error, fixFor(key, first));
    else yield* examineKey(key, resolved.value, context, signal);
  }
  for (const region of [first, ...others]) yield clockOf(region);
}

async function* examineKey(name: string, arn: KeyArn, context: Context, signal: AbortSignal): AsyncGenerator<Finding> {
  const { library, regions } = context;
  const [first, ...others] = regions;
  const id = formatKeyArn(arn);
  const described = await attempt(signal, async () => {
    const metadata = await describe(library, first, id, signal);
    const fault = faultOfState(metadata);
    if (fault) throw fault;
    return metadata;
  });
  if ("error" in described) yield bad(`key ${name}`, described.error, fixFor(id, first));
  else
    yield good(`key ${name}`, `${id} is enabled and symmetric, protected by: ${protectionOf(described.value).level}`);
  if ("error" in described) return;
  yield* permissions(id, context, signal);
  if (isMultiRegion(arn.keyId)) for (const region of others) yield await replica(arn, region, context, signal);
  else if (others.length > 0)
    yield note(`key ${name}`, "it is no multi-Region key: fallbackRegions are not asked for it");
}

/** A policy may have conditions on pairs that only real calls have: those denials are for a round trip to judge. */
async function* permissions(id: string, context: Context, signal: AbortSignal): AsyncGenerator<Finding> {
  const { library, regions } = context;
  const [first] = regions;
  for (const operation of ["Encrypt", "Decrypt"] as const) {
    const check = `permission kms:${operation}`;
    const permission = await askPermission(library, first, id, operation, { keybroker: "1" }, signal);
    if (permission === undefined) yield note(check, "the endpoint knows no dry runs: the round trip will tell");
    else if (permission.allowed) yield good(check, "a dry run was allowed");
    else yield bad(check, permission.error, `allow kms:${operation} on ${id} in the key policy or the role's policy`);
  }
  const versions = await attempt(signal, () => listVersions(library, first, id, signal));
  if ("error" in versions)
    yield note("permission kms:ListKeyRotations", `rotations cannot be listed: ${words(versions)}`);
  else yield good("permission kms:ListKeyRotations", `${versions.value.length} key materials are listed`);
  if (!context.isForeign) return;
  const honours = await attempt(signal, () => honoursContext(library, first, id, signal));
  if ("value" in honours && honours.value === false)
    yield {
      check: "encryption context",
      outcome: "bad",
      detail: "the endpoint opens a blob under another EncryptionContext: it is no KMS",
      fix: "correct endpoint, or leave it out for AWS's own",
    };
}

async function replica(arn: KeyArn, region: Region, context: Context, signal: AbortSignal): Promise<Finding> {
  const id = inRegion(arn, region.name);
  const check = `replica in ${region.name}`;
  const described = await attempt(signal, async () => {
    const fault = faultOfState(await describe(context.library, region, id, signal));
    if (fault) throw fault;
  });
  if (!("error" in described)) return good(check, `${id} is enabled`);
  return bad(check, described.error, `aws kms replicate-key --key-id ${arn.keyId} --replica-region ${region.name}`);
}

function clockOf(region: Region): Finding {
  const skewMs = region.clockBehindMs();
  const check = `clock, against ${region.name}`;
  if (Math.abs(skewMs) < tolerableSkewMs) return good(check, "less than four minutes off");
  const detail = `this machine's clock is ${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? "behind" : "ahead"}`;
  return { check, outcome: "bad", detail, fix: "timedatectl set-ntp true" };
}

type Attempt<T> = { readonly value: T } | { readonly error: unknown };

async function attempt<T>(signal: AbortSignal, work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    signal.throwIfAborted();
    return { error };
  }
}

function fixFor(key: string, { name }: Region): string {
  return `aws kms describe-key --region ${name} --key-id ${key}, as the daemon's user`;
}

/** Errors of the provider are told as they are; others may quote answers. */
function words({ error }: { readonly error: unknown }): string {
  return isBrokerError(error) ? error.message : "AWS KMS gave an unexpected answer";
}

function good(check: string, detail: string): Finding {
  return { check, outcome: "good", detail };
}

function note(check: string, detail: string): Finding {
  return { check, outcome: "note", detail };
}

function bad(check: string, error: unknown, fix: string): Finding {
  return { check, outcome: "bad", detail: words({ error }), fix };
}
