// What a wrapped share is bound to: the same pairs for every backend, and their one byte form.

/** The facts of one share of one branch key. */
export interface BindingFacts {
  readonly suite: number;
  readonly realm: string;
  /** The key's name as it stands in the envelope. */
  readonly key: string;
  /** The branch key's id, 16 bytes. */
  readonly branchId: Uint8Array;
  /** This share's position, from 1. */
  readonly share: number;
  readonly threshold: number;
  readonly recipients: number;
}

/**
 * The associated data of a wrapped share. It is public, holds no word of a caller's context and no identity, and
 * may show in a backend's logs. The broker binds it by a hash inside the plaintext too, so a backend that ignores
 * it is caught.
 */
export interface Binding {
  /** For backends that take a map (an AWS EncryptionContext). */
  readonly pairs: Readonly<Record<string, string>>;
  /** For backends that take bytes: `keybroker/1;suite=1;realm=…;key=…;branch=<hex>;share=i/k/n`, ASCII. */
  readonly bytes: Buffer;
}

/** Makes a binding. The grammars of realm and key name admit no `;` or `=`, so the byte form is injective. */
export function bindingOf(facts: BindingFacts): Binding {
  const pairs = {
    keybroker: "1",
    suite: String(facts.suite),
    realm: facts.realm,
    key: facts.key,
    branch: Buffer.from(facts.branchId).toString("hex"),
    share: `${facts.share}/${facts.threshold}/${facts.recipients}`,
  };
  const { keybroker, ...rest } = pairs;
  const tail = Object.entries(rest).map(([name, value]) => `;${name}=${value}`);
  return Object.freeze({ pairs: Object.freeze(pairs), bytes: Buffer.from(`keybroker/${keybroker}${tail.join("")}`) });
}
