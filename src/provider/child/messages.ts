// What the daemon and a provider's child say to each other; material, blobs and secrets go in a frame's fields.

import type { Notice } from "../provider.ts";
import type { PackedError } from "./errors.ts";
import type { PackedSettings } from "./settings.ts";

/** What a child may be asked. */
export type Operation =
  "open" | "masterKey" | "wrap" | "unwrap" | "probe" | "versions" | "rotate" | "setVersionState" | "examine";

/** A call; `id` is unique among those of the child's life. The rest is the operation's. */
export interface CallHeader {
  readonly id: number;
  readonly operation: Operation;
  /** The master key's handle, for the operations of one. */
  readonly key?: number;
}

/** With `open`; the fields are the secrets. */
export interface OpenRequest {
  readonly module: string;
  readonly settings: PackedSettings;
  /** The daemon's process: a child of another one has lost it already. */
  readonly parent: number;
  /** The kernel will not end the child with the daemon: it has to watch by itself. */
  readonly watch: boolean;
}

/** With `wrap` and `unwrap`; the fields are the material or the blob, and the binding's bytes. */
export interface BoundRequest {
  readonly pairs: Readonly<Record<string, string>>;
  /** With `unwrap`. */
  readonly scheme?: number;
}

/** Beside calls, the daemon says: this call was aborted; close the provider and end. */
export type Word = { readonly abort: number } | { readonly close: true };

/** What a child says: one of an examination's findings, a call's end, a notice, or why it must end itself. */
export type Reply =
  | { readonly id: number; readonly item: unknown }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PackedError }
  | { readonly notice: Notice }
  | { readonly fault: PackedError };
