// The kept inputs: one file each, by decoder. What a run found stays there, and every test run decodes it again.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "corpus");

/** An input that was kept. */
export interface Kept {
  readonly file: string;
  readonly input: Uint8Array;
}

/** The kept inputs of a decoder. */
export function corpusOf(decoder: string, root = folder): Kept[] {
  const own = join(root, decoder);
  mkdirSync(own, { recursive: true });
  return readdirSync(own)
    .sort()
    .map((file) => ({ file, input: readFileSync(join(own, file)) }));
}

/** Keeps an input; answers its file. `why` is what its name begins with. */
export function keep(decoder: string, why: "found" | "way", input: Uint8Array, root = folder): string {
  const digest = createHash("sha256").update(input).digest("hex").slice(0, 12);
  const file = join(root, decoder, `${why}-${digest}`);
  mkdirSync(join(root, decoder), { recursive: true });
  writeFileSync(file, input);
  return file;
}
