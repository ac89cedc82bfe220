// How much an identity may do with a key, and how often it may have a provider asked.

/** What is charged: one call, on receipt, whatever becomes of it. */
export interface Charge {
  readonly identity: string;
  /** The key's present name. */
  readonly key: string;
  /** Index of the rule that allowed the call: its quota holds. */
  readonly rule: number;
  /** The fingerprint of the envelope that the call brings; undefined where it brings none. */
  readonly envelope?: string | undefined;
}

/** A bound that was nearly or wholly used up: once in a window each. */
export interface QuotaNotice {
  /** `near`: four fifths are used. `spent`: a call was refused. */
  readonly event: "near" | "spent";
  /** `quota`: a rule's. The others are those of the limits. */
  readonly bound: "quota" | "refusedLoads" | "providerCallsPerIdentity";
  readonly identity: string;
  /** Of a rule's quota. */
  readonly key?: string;
  /** Such as `1000/h` or `200 distinct/h`. */
  readonly limit: string;
}

/** Stands between permission and provider. */
export interface Quotas {
  /**
   * Charges one call to every quota of its rule. Throws QUOTA with the time to the next window; a call that is refused
   * is charged to none. Synchronous while leased chunks last, which is nearly always.
   */
  charge(asked: Charge): void | Promise<void>;
  /** Before a provider is reached for this identity. Throws QUOTA with the time to the next window. */
  beforeProvider(identity: string): void;
  /** A provider refused an envelope of this identity. */
  providerRefused(identity: string): void;
}
