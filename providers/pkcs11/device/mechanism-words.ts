// The token's mechanisms by their names, those that wrap before the others.

import { CKM, type Cryptoki, type Handle } from "./cryptoki.ts";

const wanted: readonly (readonly [string, number])[] = [
  ["AES_KEY_WRAP_KWP", CKM.AES_KEY_WRAP_KWP],
  ["AES_KEY_WRAP_PAD", CKM.AES_KEY_WRAP_PAD],
  ["AES_GCM", CKM.AES_GCM],
  ["RSA_PKCS_OAEP", CKM.RSA_PKCS_OAEP],
];

/** `has AES_GCM, …; has not AES_KEY_WRAP_KWP; 69 others: AES_CBC, …`. Throws what the library answers. */
export async function mechanismWords(cryptoki: Cryptoki, slot: Handle): Promise<string> {
  const { default: graphene } = await import("graphene-pk11");
  const names = graphene.MechanismEnum as unknown as Readonly<Record<number, string | undefined>>;
  const there = cryptoki.C_GetMechanismList(slot);
  const split = (has: boolean) => wanted.filter(([, one]) => there.includes(one) === has).map(([name]) => name);
  const others = there.filter((one) => !wanted.some(([, other]) => one === other));
  const named = others.map((one) => names[one] ?? `0x${one.toString(16)}`).join(", ");
  const part = (words: string, list: readonly string[]) => (list.length === 0 ? [] : [`${words} ${list.join(", ")}`]);
  return [...part("has", split(true)), ...part("has not", split(false)), `${others.length} others: ${named}`].join(
    "; ",
  );
}
