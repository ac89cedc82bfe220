// Rotation on demand, and the list of a master key's key materials.

import { setTimeout as delay } from "node:timers/promises";
import type { RotationsListEntry } from "@aws-sdk/client-kms";
import type { MasterKeyVersion } from "../../src/provider/index.ts";
import { describe } from "./key-state.ts";
import type { Library, Region } from "./regions.ts";

const pollMs = 250;
/** KMS rotates in the background, mostly at once. The broker's own deadline may be shorter than its slow cases. */
const longestWaitMs = 3_000;
/** On-demand and yearly rotations of one key; a bound against a list without end. */
const maxPages = 20;

/** All key materials that the key has had, the newest last. Where AWS names none, versions go by their date. */
export async function listVersions(
  library: Library,
  region: Region,
  key: string,
  signal: AbortSignal,
): Promise<readonly MasterKeyVersion[]> {
  const entries: RotationsListEntry[] = [];
  let marker: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const command = new library.kms.ListKeyRotationsCommand({
      KeyId: key,
      IncludeKeyMaterial: "ALL_KEY_MATERIAL",
      Limit: 100,
      ...(marker !== undefined && { Marker: marker }),
    });
    const answer = await region.ask(signal, (kms) => kms.send(command, { abortSignal: signal }));
    entries.push(...(answer.Rotations ?? []));
    if (!answer.Truncated || answer.NextMarker === undefined) break;
    marker = answer.NextMarker;
  }
  return entries.toSorted(byDate).map(versionOf);
}

/** The first material has no date of rotation: it is the oldest. */
function byDate(one: RotationsListEntry, other: RotationsListEntry): number {
  return (one.RotationDate?.getTime() ?? 0) - (other.RotationDate?.getTime() ?? 0);
}

function versionOf(entry: RotationsListEntry, index: number, all: readonly RotationsListEntry[]): MasterKeyVersion {
  const isPrimary = entry.KeyMaterialState ? entry.KeyMaterialState === "CURRENT" : index === all.length - 1;
  const isThere = entry.ImportState !== "PENDING_IMPORT";
  return {
    version: entry.KeyMaterialId ?? entry.RotationDate?.toISOString() ?? `material ${index + 1}`,
    state: isPrimary ? "primary" : isThere ? "enabled" : "disabled",
    createdAt: entry.RotationDate,
  };
}

/**
 * Rotates now, and answers the new key material's id; `in progress` while KMS is at it, and where it names no materials.
 * AWS allows 25 such rotations in a key's life: REQUEST_INVALID then, and while one is under way already.
 */
export async function rotateNow(library: Library, region: Region, key: string, signal: AbortSignal): Promise<string> {
  const materialOf = async () => (await describe(library, region, key, signal)).CurrentKeyMaterialId;
  const before = await materialOf();
  const command = new library.kms.RotateKeyOnDemandCommand({ KeyId: key });
  await region.ask(signal, (kms) => kms.send(command, { abortSignal: signal }));
  const endMs = performance.now() + longestWaitMs;
  for (;;) {
    const now = await materialOf();
    if (now !== undefined && now !== before) return now;
    if (now === undefined || performance.now() > endMs) return "in progress";
    await delay(pollMs, undefined, { signal });
  }
}
