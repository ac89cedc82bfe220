// What must outlive a process and is neither in the configuration nor at a backend: counts, stops, grants.

/** An answer to `lease`. */
export interface Lease {
  /** How many of those asked for were left; 0 when the window is spent. */
  readonly got: number;
  /** How many of the window's were taken by everyone, these included. */
  readonly taken: number;
  /** The window that was counted in: a later one than asked for when somebody's clock is ahead. */
  readonly window: number;
}

/** An answer to `addDistinct`. */
export interface Addition {
  /** Whether the set holds the member now. */
  readonly within: boolean;
  /** How many members it holds. */
  readonly held: number;
  /** As in Lease. */
  readonly window: number;
}

/** Why and by whom unwrapping was stopped. */
export interface Stop {
  readonly reason: string;
  /** The identity that asked for it. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** The stops in force. Every change raises the epoch by one: of two lists the one with the higher epoch counts. */
export interface StopList {
  readonly epoch: number;
  /** Every key is stopped. */
  readonly all: Stop | undefined;
  /** By the key's name when it was stopped. */
  readonly keys: ReadonlyMap<string, Stop>;
}

/** A change to the stops. */
export interface StopChange {
  /** Undefined: the stop of all keys. */
  readonly key: string | undefined;
  /** Undefined: lifted. */
  readonly stop: Stop | undefined;
}

/** A grant as it was opened. */
export interface StoredGrant {
  readonly id: string;
  /** The signed document, as its author made it; empty where only a revocation came to be known. */
  readonly document: string;
  /** When it ends, in milliseconds since 1970: some days later it is forgotten. */
  readonly untilMs: number;
  /** Distinct envelopes that were charged to it. */
  readonly uses: number;
  readonly revokedAtMs: number | undefined;
}

/**
 * The state that processes share. Each method throws STORE_UNAVAILABLE when the store does not answer; what was asked
 * for then did not happen. Times are the caller's.
 */
export interface Store {
  /**
   * Takes up to `amount` of what is left below `limit` of a counter's window. The highest window that was ever asked for
   * is the one that counts: a clock that was set back gets no window anew. A negative amount gives back.
   */
  lease(counter: string, windowMs: number, window: number, amount: number, limit: number): Promise<Lease>;
  /** Adds a member to a window's set, unless that has `limit` others. A member it holds is within. */
  addDistinct(set: string, windowMs: number, window: number, member: string, limit: number): Promise<Addition>;
  stops(): Promise<StopList>;
  /** Makes a change on the disk and answers the list with it. */
  setStop(change: StopChange): Promise<StopList>;
  /** Takes over a list that is newer than its own, and answers the one that counts: after an older store was restored. */
  adoptStops(list: StopList): Promise<StopList>;
  /** Keeps a grant's document; its uses and a revocation stay. */
  saveGrant(grant: { readonly id: string; readonly document: string; readonly untilMs: number }): Promise<void>;
  /** All grants that it knows, those that ended a month ago forgotten. */
  grants(nowMs: number): Promise<readonly StoredGrant[]>;
  /** Revokes a grant, one that it does not know as well: its file may be used here later. True when it was not before. */
  revokeGrant(id: string, atMs: number, untilMs: number): Promise<boolean>;
  /**
   * Charges an envelope's fingerprint to a grant: `again` when it was before, `spent` when `maxUnwraps` others were.
   * On the disk when it answers.
   */
  useGrant(grantId: string, envelope: string, maxUnwraps: number, untilMs: number): Promise<GrantUse>;
  /** Closes it. Later calls throw STORE_UNAVAILABLE. */
  close(): Promise<void>;
}

export type GrantUse = "new" | "again" | "spent" | "revoked";
