// What the device is opened with and asked for: the kind's schemas make it, and the child gets it as it is.

import type { SecretSource } from "../../../src/provider/index.ts";
import type { SchemeName } from "./scheme-names.ts";

/** The provider's settings. */
export interface DeviceSettings {
  /** Absolute path. */
  readonly library: string;
  readonly tokenSerial?: string | undefined;
  readonly tokenLabel?: string | undefined;
  readonly pin?: SecretSource | undefined;
  /** Serials of tokens whose keys are now on this one. */
  readonly formerSerials?: readonly string[] | undefined;
  readonly maxSessions: number;
}

/** Which key of the token. */
export interface KeyReference {
  readonly label?: string | undefined;
  /** CKA_ID, lower-case hexadecimal digits. */
  readonly id?: string | undefined;
  readonly scheme?: SchemeName | undefined;
  readonly allowUnauthenticatedWrap?: true | undefined;
}

/** A reference in words: `label kb-db and id 0a`. */
export function describeReference({ label, id }: KeyReference): string {
  const words = [label === undefined ? [] : [`label ${label}`], id === undefined ? [] : [`id ${id}`]];
  return words.flat().join(" and ");
}
