// Runs one decoder on many inputs, and says which of them it did not bear.

import fc from "fast-check";
import { corpusOf, keep } from "./corpus.ts";
import type { Decoder } from "./decoder.ts";
import { minimise } from "./minimise.ts";
import { inputsOf } from "./mutate.ts";

/** How to run. */
export interface FuzzOptions {
  readonly seed: number;
  /** So many inputs at most. */
  readonly runs: number;
  readonly timeMs?: number;
  /** Keeps an input for each outcome that no kept one has. */
  readonly keepWays?: boolean;
  /** An input may take so long; 2 s. */
  readonly slowMs?: number;
  /** Another place for kept inputs: for tests. */
  readonly corpus?: string;
}

/** What a run showed. */
export interface FuzzReport {
  readonly inputs: number;
  /** How many different things came of them. */
  readonly outcomes: number;
  readonly kept: number;
  readonly fault?: Fault;
}

/** An input that the decoder did not bear. */
interface Fault {
  readonly file: string;
  readonly input: Uint8Array;
  readonly message: string;
}

/** Longer than any input of these sizes may take. */
const longestMs = 2_000;

/** Kept inputs are read by every test run: so many of a decoder at most, and none longer than this. */
const maxKept = 40;
const maxKeptBytes = 2_048;

/** Decodes one input; answers what came of it. Throws when the check does, and when it took too long. */
export async function decodeOne(decoder: Decoder, input: Uint8Array, slowMs = longestMs): Promise<string> {
  const startedMs = performance.now();
  const outcome = await decoder.check(Uint8Array.from(input));
  if (performance.now() - startedMs > slowMs) throw new Error(`${input.length} bytes took more than ${slowMs} ms`);
  return outcome;
}

/** Runs until the first fault, the last input or the end of its time; a fault's input is minimised and kept. */
export async function fuzz(decoder: Decoder, options: FuzzOptions): Promise<FuzzReport> {
  const known = corpusOf(decoder.name, options.corpus).map(({ input }) => input);
  const outcomes = new Set<string>();
  let [inputs, kept] = [0, 0];
  for (const input of [...known, ...decoder.seeds]) outcomes.add(await decodeOne(decoder, input, options.slowMs));
  const property = fc.asyncProperty(inputsOf([...decoder.seeds, ...known], decoder.words), async (input) => {
    inputs += 1;
    const outcome = await decodeOne(decoder, input, options.slowMs);
    if (outcomes.has(outcome)) return;
    outcomes.add(outcome);
    if (options.keepWays !== true || input.length > maxKeptBytes || known.length + kept >= maxKept) return;
    keep(decoder.name, "way", input, options.corpus);
    kept += 1;
  });
  const result = await fc.check(property, {
    seed: options.seed,
    numRuns: options.runs,
    ...(options.timeMs !== undefined && { interruptAfterTimeLimit: options.timeMs }),
  });
  const found = result.counterexample?.[0];
  if (found === undefined) return { inputs, outcomes: outcomes.size, kept };
  return { inputs, outcomes: outcomes.size, kept, fault: await faultOf(decoder, found, options) };
}

async function faultOf(decoder: Decoder, input: Uint8Array, { corpus, slowMs }: FuzzOptions): Promise<Fault> {
  const fails = (candidate: Uint8Array) =>
    decodeOne(decoder, candidate, slowMs).then(
      () => false,
      () => true,
    );
  const least = await minimise(input, fails);
  const message = await decodeOne(decoder, least, slowMs).catch(
    (error: unknown) => (error as Error).stack ?? String(error),
  );
  return { input: least, message, file: keep(decoder.name, "found", least, corpus) };
}
