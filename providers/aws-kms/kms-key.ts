// What the provider knows of one KMS key, and how it looks anew.

import type { KeyMetadata } from "@aws-sdk/client-kms";
import { isBrokerError } from "../../src/errors/index.ts";
import type { Protection } from "../../src/provider/index.ts";
import { compareKeys } from "./answer.ts";
import { formatKeyArn } from "./arn.ts";
import type { KeyArn } from "./arn.ts";
import { describe, faultOfState, protectionOf } from "./key-state.ts";
import { createMaterials } from "./materials.ts";
import type { Materials } from "./materials.ts";
import type { Library, Region } from "./regions.ts";

/** What keys need of their provider. */
export interface Context {
  readonly library: Library;
  /** The first one wraps; the others unwrap while it is out. */
  readonly regions: readonly [Region, ...Region[]];
  readonly fallbackAfterMs: number;
  /** The endpoint is not AWS's own: whether it binds to the context has to be seen. */
  readonly isForeign: boolean;
}

/** A KMS key in the first region. */
export interface KmsKey {
  readonly arn: KeyArn;
  /** The ARN's text. */
  readonly id: string;
  readonly materials: Materials;
  /** What the latest look told; undefined before it. */
  protection(): Protection | undefined;
  /** Describes it. Throws as `Region.ask`. */
  look(signal: AbortSignal): Promise<KeyMetadata>;
  /** The call's outcome; where KMS blames the key's state, the error says which state that is. */
  judged<T>(signal: AbortSignal, call: Promise<T>): Promise<T>;
}

/** Asks nothing yet. */
export function createKmsKey(arn: KeyArn, { library, regions }: Context): KmsKey {
  const id = formatKeyArn(arn);
  const materials = createMaterials();
  let protection: Protection | undefined;
  async function look(signal: AbortSignal): Promise<KeyMetadata> {
    const metadata = await describe(library, regions[0], id, signal);
    compareKeys(metadata.Arn, id);
    materials.saw(metadata.CurrentKeyMaterialId);
    protection = protectionOf(metadata);
    return metadata;
  }
  return {
    arn,
    id,
    materials,
    protection: () => protection,
    look,
    async judged(signal, call) {
      try {
        return await call;
      } catch (error) {
        // It may mean a disabled key or a moment's trouble: only the key's state tells which.
        if (!isBrokerError(error) || (error.cause as Error | undefined)?.name !== "KMSInvalidStateException")
          throw error;
        throw faultOfState(await look(signal)) ?? error;
      }
    },
  };
}
