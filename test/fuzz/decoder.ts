// What is fuzzed: a decoder, some good inputs of it, and what must hold whatever it is given.

/** A decoder under test. */
export interface Decoder {
  /** Also its folder in the corpus. */
  readonly name: string;
  /** Good inputs, which are then spoiled. */
  readonly seeds: readonly Uint8Array[];
  /** Words that its inputs are made of. */
  readonly words?: readonly string[];
  /**
   * Decodes, and checks what was decoded. Answers what came of it in few words, the same for inputs that took the same way.
   * Throws when the decoder did what it must not: threw anything but its own refusal, or read what does not stand there.
   */
  check(input: Uint8Array): string | Promise<string>;
}

/** A check's word for a refusal: its message without what it says of the input. */
export function outcomeOf(error: { readonly name: string; readonly message: string }): string {
  return `refused: ${error.message.replace(/"[^"]*"|'[^']*'|[0-9a-f]{8,}|\d+/g, "_").slice(0, 100)}`;
}

/** Throws with words. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`what must hold does not: ${what}`);
}

/** Bytes as text, what is no UTF-8 replaced. */
export const textOf = (input: Uint8Array): string => Buffer.from(input).toString("utf8");
/** Text as bytes. */
export const bytesOf = (text: string): Uint8Array => Buffer.from(text, "utf8");
