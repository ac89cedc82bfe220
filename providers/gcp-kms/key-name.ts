// Resource names of Cloud KMS: what a reference may name, and what an answer must name.

/** The words of a CryptoKey's name, in their order. */
const segments: readonly (readonly [collection: string, id: RegExp])[] = [
  // An id, a number, or an id of a domain's own: example.com:project.
  ["projects", /^(?:[a-z][a-z0-9.-]{0,61}[a-z0-9]:)?[a-z0-9][a-z0-9-]{0,29}$/],
  ["locations", /^[a-z0-9][a-z0-9-]{0,62}$/],
  ["keyRings", /^[A-Za-z0-9_-]{1,63}$/],
  ["cryptoKeys", /^[A-Za-z0-9_-]{1,63}$/],
];

const form = "projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY";
const versionId = /^[1-9][0-9]{0,9}$/;
const versionsPart = "/cryptoKeyVersions/";

/** What is wrong with a text that should be a CryptoKey's name, and what to write; undefined when nothing is. */
export function keyNameFault(text: string): string | undefined {
  const cut = text.indexOf(versionsPart);
  if (cut > 0 && keyNameFault(text.slice(0, cut)) === undefined)
    return `this names a version, and Cloud KMS itself finds the version that wrapped a blob: write ${text.slice(0, cut)}`;
  const words = text.split("/");
  if (words.length !== 2 * segments.length) return `a key is written as ${form}`;
  for (const [index, [collection, id]] of segments.entries()) {
    if (words[2 * index] !== collection) return `"${collection}" must be word ${2 * index + 1} of ${form}`;
    if (!id.test(words[2 * index + 1]!)) return `what follows ${collection}/ is none of its names`;
  }
  return undefined;
}

/** Whether this is a version's id: a number from 1, as Cloud KMS counts them. */
export function isVersionId(text: string): boolean {
  return versionId.test(text);
}

/** The full name of one of a key's versions. */
export function versionName(key: string, version: string): string {
  return `${key}${versionsPart}${version}`;
}

/** The id of a version by its full name; undefined when the name is not of a version of this very key. */
export function versionOf(key: string, name: unknown): string | undefined {
  if (typeof name !== "string" || !name.startsWith(key + versionsPart)) return undefined;
  const version = name.slice(key.length + versionsPart.length);
  return isVersionId(version) ? version : undefined;
}
