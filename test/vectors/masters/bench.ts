// A backend in which master keys of known material are made, or brought back from what was kept of them.

import { createHash } from "node:crypto";
import type { ProviderKind } from "../../../src/provider/index.ts";
import type { MasterName, RecordedMaster, Restore } from "../recorded.ts";

/** A backend at work, fresh and empty. */
export interface MasterBench {
  readonly kind: ProviderKind;
  /** As they stand in a configuration; right for all that was brought. */
  readonly settings: () => object;
  readonly backend: string;
  readonly backendVersion: string;
  /** Brings a master key back, or makes it where nothing was kept. */
  bring(name: MasterName, kept: RecordedMaster | undefined): Promise<Brought>;
  stop(): Promise<void>;
}

/** A master key that is there. */
interface Brought {
  /** As it stands in a key's recipient. */
  readonly reference: Readonly<Record<string, unknown>>;
  /** What brings it back. */
  readonly restore: Restore;
}

/** Material that looks random and is the same for ever: it protects test vectors and nothing else. */
export function testMaterial(label: string, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(`keybroker recorded ${label}`).digest();
}
