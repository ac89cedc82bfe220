// The registry of provider kinds that stands in docs/envelope.md, for naming those that no provider here has.

const kinds: ReadonlyMap<number, string> = new Map([
  [1, "env"],
  [2, "aws-kms"],
  [3, "gcp-kms"],
  [4, "vault"],
  [5, "pkcs11"],
]);

/** A kind's name by its number in an envelope; the number itself where the registry has no name for it. */
export function kindName(number: number): string {
  return kinds.get(number) ?? String(number);
}
