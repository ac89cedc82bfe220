// What DescribeKey says of a master key: whether it can be used, what protects it, and its current key material.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html

import type { KeyMetadata } from "@aws-sdk/client-kms";
import { BrokerError } from "../../src/errors/index.ts";
import type { Protection } from "../../src/provider/index.ts";
import type { Library, Region } from "./regions.ts";

/** Reads a key's metadata, by any of its names. Throws as `Region.ask`. */
export async function describe(
  library: Library,
  region: Region,
  key: string,
  signal: AbortSignal,
): Promise<KeyMetadata> {
  const command = new library.kms.DescribeKeyCommand({ KeyId: key });
  const { KeyMetadata: metadata } = await region.ask(signal, (kms) => kms.send(command, { abortSignal: signal }));
  if (!metadata?.Arn) throw new Error("AWS KMS described no key");
  return metadata;
}

/** What is wrong with the key's kind, which it never changes; undefined when it can wrap. */
export function faultOfKind({ KeyUsage, KeySpec }: KeyMetadata): string | undefined {
  if (KeyUsage !== "ENCRYPT_DECRYPT") return `its usage is ${KeyUsage ?? "not told"} instead of ENCRYPT_DECRYPT`;
  // LocalStack and moto of some versions tell the spec in the field that AWS deprecated, and both where there are both.
  if (KeySpec !== undefined && KeySpec !== "SYMMETRIC_DEFAULT") return `it is a ${KeySpec} key, not a symmetric one`;
  return undefined;
}

/** Why the key cannot be used now; undefined when it can. */
export function faultOfState(metadata: KeyMetadata): BrokerError | undefined {
  const kind = faultOfKind(metadata);
  if (kind !== undefined) return new BrokerError("KEY_DISABLED", `this KMS key cannot be a master key: ${kind}`);
  switch (metadata.KeyState) {
    case "Enabled":
      return undefined;
    case "Disabled":
      return new BrokerError("KEY_DISABLED", "the master key is disabled: enable it in AWS KMS");
    case "PendingDeletion":
    case "PendingReplicaDeletion":
      return new BrokerError("KEY_DISABLED", "the master key is going to be deleted: cancel that in AWS KMS, at once");
    case "PendingImport":
      return new BrokerError("KEY_DISABLED", "the master key has no key material: import it in AWS KMS");
    case "Creating":
    case "Updating":
      return unavailable(metadata, "wait");
    case "Unavailable":
      return unavailable(metadata, "connect its custom key store");
    case undefined:
    default:
      // An older or newer service: the calls themselves will tell.
      return metadata.Enabled === false ? new BrokerError("KEY_DISABLED", "the master key is disabled") : undefined;
  }
}

function unavailable({ KeyState }: KeyMetadata, what: string): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", `the master key is in the state ${KeyState}: ${what}`);
}

/** What protects the key. KMS keeps its own and imported key material in hardware security modules. */
export function protectionOf({ Origin }: KeyMetadata): Protection {
  const levels = {
    AWS_KMS: "hsm",
    EXTERNAL: "hsm, imported",
    AWS_CLOUDHSM: "cloudhsm",
    EXTERNAL_KEY_STORE: "external",
  };
  return { level: Origin === undefined ? "unknown" : levels[Origin], authenticated: true };
}
