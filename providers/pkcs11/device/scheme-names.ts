// The ways of wrapping: their numbers in envelopes, and their names in configurations.

/** Numbers in docs/envelope.md by the names that a recipient's `scheme` takes. */
export const schemeNumbers = {
  gcm: 1,
  "gcm-device-iv": 2,
  "gcm-appended-iv": 3,
  "key-wrap": 4,
  "rsa-oaep": 5,
  "rsa-oaep-sha1": 6,
} as const;

/** A way of wrapping. */
export type SchemeName = keyof typeof schemeNumbers;

/** All of them. */
export const schemeNames = Object.keys(schemeNumbers) as [SchemeName, ...SchemeName[]];

/** All of their numbers. */
export const schemes: readonly number[] = Object.values(schemeNumbers);
