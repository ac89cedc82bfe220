// The parts of an envelope (docs/envelope.md has the layout and the row numbers).

/** Rows 10–14: a branch key's share, wrapped for one master key. */
export interface EnvelopeRecipient {
  /** The provider kind's number. */
  readonly kind: number;
  readonly scheme: number;
  readonly masterKeyId: string;
  readonly version: string;
  readonly wrapped: Uint8Array;
}

/** Rows 2–14: what a branch key is, without its commitment. Its bytes are H0. */
export interface BranchHeader {
  readonly suite: number;
  readonly threshold: number;
  /** 16 random bytes. */
  readonly branchId: Uint8Array;
  readonly realm: string;
  readonly key: string;
  readonly recipients: readonly EnvelopeRecipient[];
}

/** A decoded envelope. Its byte fields are views of the input, which must not change while it is in use. */
export interface Envelope extends BranchHeader {
  /** Rows 1–14. */
  readonly h0: Uint8Array;
  /** Rows 1–15: equal for all envelopes of one branch key. */
  readonly branchHeader: Uint8Array;
  /** Row 15, 32 bytes. */
  readonly commitment: Uint8Array;
  /** Rows 1–17. */
  readonly associatedData: Uint8Array;
  /** Row 16, 12 bytes. */
  readonly nonce: Uint8Array;
  /** Row 18: ciphertext and tag. */
  readonly sealed: Uint8Array;
  /** Bytes of the data key within. */
  readonly dataKeyLength: number;
}

/** The caller's string pairs. */
export type Context = Readonly<Record<string, string>>;
