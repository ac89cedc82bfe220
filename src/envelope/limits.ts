// The numbers of envelope format 1 (docs/envelope.md has them as a table).

/** Rows 1–2: "KBE" and format 1. */
export const magic = Uint8Array.of(0x4b, 0x42, 0x45, 0x01);

/** Row 3: HKDF-SHA-512, AES-256-GCM. There is no other suite yet. */
export const suite = 1;

/** Limits that readers and writers both enforce. Lengths are bytes. */
export const limits = {
  maxRecipients: 8,
  branchIdBytes: 16,
  branchKeyBytes: 32,
  maxRealmBytes: 63,
  maxKeyNameBytes: 128,
  maxMasterKeyIdBytes: 65_535,
  maxVersionBytes: 255,
  maxWrappedBytes: 2_048,
  commitmentBytes: 32,
  nonceBytes: 12,
  tagBytes: 16,
  contextHashBytes: 32,
  maxDataKeyBytes: 65_536,
  maxContextPairs: 32,
  maxContextNameBytes: 64,
  maxContextValueBytes: 1_024,
  /** Names and values together, without their length prefixes. */
  maxContextBytes: 4_096,
} as const;

/** Rows 16–17 together: the nonce and the length of the sealed part. */
export const sealPrefixBytes = limits.nonceBytes + 4;

/** What the sealed part holds beside the data key: the context hash and the tag. */
export const sealOverheadBytes = limits.contextHashBytes + limits.tagBytes;
