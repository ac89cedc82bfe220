// Settings on their way to a child: plain data as JSON, and the secrets in it by where they are, or as raw bytes.

import { BrokerError } from "../../errors/index.ts";
import { copy, wipe } from "../../secret/index.ts";
import { fileSource } from "../secret-source.ts";
import type { SecretSource } from "../secret-source.ts";

/** One secret of the settings. It holds no secret itself. */
interface SecretNote {
  /** Where in the settings it stands. */
  readonly path: readonly string[];
  /** What the child reads; undefined when the bytes go with the note, in a field of the frame. */
  readonly file?: string;
  readonly words: string;
  readonly stamp: string;
}

/** Settings as they travel. */
export interface PackedSettings {
  /** JSON, with null where a secret belongs. */
  readonly plain: unknown;
  readonly notes: readonly SecretNote[];
}

const deepest = 32;
const filePrefix = "file /";

/**
 * Takes settings apart. `bytes` has one buffer for each note without a file, in order; the caller wipes them. Throws
 * REQUEST_INVALID for what cannot travel, and when a secret is gone.
 */
export function packSettings(settings: unknown): { packed: PackedSettings; bytes: Buffer[] } {
  const notes: SecretNote[] = [];
  const bytes: Buffer[] = [];
  try {
    const plain = pack(settings, [], (source, path) => {
      const words = source.describe();
      const file = words.startsWith(filePrefix) ? words.slice(filePrefix.length - 1) : undefined;
      notes.push({ path, ...(file !== undefined && { file }), words, stamp: source.toJSON() });
      if (file === undefined) bytes.push(source.read());
    });
    return { packed: { plain, notes }, bytes };
  } catch (error) {
    wipe(...bytes);
    throw error;
  }
}

/** A reference, or another value without secrets, as JSON would give it back. Throws REQUEST_INVALID as above. */
export function plainOf(value: unknown): unknown {
  return pack(value, [], (_, path) => {
    throw unfit(path, "a secret");
  });
}

type Note = (source: SecretSource, path: readonly string[]) => void;

function pack(value: unknown, path: readonly string[], note: Note): unknown {
  if (path.length > deepest) throw unfit(path.slice(0, 3), "nested too deeply");
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value !== "object") throw unfit(path, `a ${typeof value}`);
  if (isSecretSource(value)) {
    note(value, path);
    return null;
  }
  if (Array.isArray(value)) return value.map((item, index) => pack(item, [...path, String(index)], note));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unfit(path, "an object of a class");
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([name, inner]) => [name, pack(inner, [...path, name], note)]));
}

/** By shape: a provider from npm brings its own copy of what makes them. */
function isSecretSource(value: object): value is SecretSource {
  const { describe, read, toJSON } = value as Partial<SecretSource>;
  return [describe, read, toJSON].every((method) => typeof method === "function");
}

function unfit(path: readonly string[], what: string): BrokerError {
  const place = path.length === 0 ? "the whole" : path.join(".");
  return new BrokerError(
    "REQUEST_INVALID",
    `what a provider's child process is given must be plain text, numbers, lists and maps: ${place} is ${what}`,
  );
}

/** Settings in the child, and the end of the secrets in them. */
export interface UnpackedSettings {
  readonly settings: unknown;
  /** Wipes what came over the pipe. */
  wipe(): void;
}

/** Puts settings together again. It copies `bytes`, which the caller still owns and wipes. */
export function unpackSettings({ plain, notes }: PackedSettings, bytes: readonly Uint8Array[]): UnpackedSettings {
  const root: { settings: unknown } = { settings: plain };
  const kept: Buffer[] = [];
  for (const { path, file, words, stamp } of notes) {
    if (file === undefined) kept.push(copy(bytes[kept.length]!));
    put(root, ["settings", ...path], file === undefined ? sourceOf(words, stamp, kept.at(-1)!) : fileSource(file));
  }
  return { settings: root.settings, wipe: () => wipe(...kept) };
}

function sourceOf(words: string, stamp: string, bytes: Buffer): SecretSource {
  return Object.freeze({ describe: () => words, read: () => copy(bytes), toJSON: () => stamp });
}

/** Defines, instead of assigning: a setting may be called __proto__. */
function put(root: object, path: readonly string[], value: unknown): void {
  let target = root;
  for (const name of path.slice(0, -1)) target = Object.getOwnPropertyDescriptor(target, name)!.value as object;
  Object.defineProperty(target, path.at(-1)!, { value, enumerable: true, configurable: true, writable: true });
}
