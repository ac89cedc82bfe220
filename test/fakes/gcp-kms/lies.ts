// Switches that make the fake fail or lie.

/** What the fake does instead of its duty. */
export type Lie =
  /** Never answers. */
  | { readonly kind: "hang" }
  /** Answers so much later. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Ends the connection instead of answering. */
  | { readonly kind: "reset" }
  /** Says no, with what the function makes. */
  | { readonly kind: "refuse"; readonly refusal: () => Error }
  /** Answers, with what the function makes of the right answer; it may change it in place. */
  | { readonly kind: "spoil"; readonly spoil: (answer: Answer, method: string) => unknown }
  /** Takes ciphertexts under any associated data. */
  | { readonly kind: "ignore associated data" };

/** An Encrypt's or a Decrypt's answer, before it is sent. */
export interface Answer {
  name?: string;
  ciphertext?: Buffer;
  ciphertextCrc32c?: { value: number } | null;
  verifiedPlaintextCrc32c?: boolean;
  verifiedAdditionalAuthenticatedDataCrc32c?: boolean;
  plaintext?: Buffer;
  plaintextCrc32c?: { value: number } | null;
  usedPrimary?: boolean;
}

/** Which calls meet the lie. */
export interface LieScope {
  /** `encrypt` and `decrypt` when left out. */
  readonly methods?: readonly string[];
  /** How many calls; all when left out. */
  readonly times?: number;
}

/** A lie in force. */
export interface Told {
  /** How many calls met it. */
  hits(): number;
  end(): void;
}

interface Entry {
  readonly lie: Lie;
  readonly methods: readonly string[];
  left: number;
  hits: number;
}

export class Lies {
  readonly #entries = new Set<Entry>();

  tell(lie: Lie, { methods = ["encrypt", "decrypt"], times = Infinity }: LieScope = {}): Told {
    const entry: Entry = { lie, methods, left: times, hits: 0 };
    this.#entries.add(entry);
    return { hits: () => entry.hits, end: () => void this.#entries.delete(entry) };
  }

  /** The lies that this call meets: they are counted now. */
  meet(method: string): readonly Lie[] {
    const met = [...this.#entries].filter(({ methods, left }) => left > 0 && methods.includes(method));
    for (const entry of met) {
      entry.left--;
      entry.hits++;
    }
    return met.map(({ lie }) => lie);
  }
}
