// What clients give and get of emergency stops.

/** What is stopped or resumed: a key or all, one of them. */
export interface StopTarget {
  readonly key?: string;
  readonly all?: boolean;
}

/** Emergency stops in force. */
export interface StopListing {
  readonly stops: readonly {
    /** Empty for all keys. */
    readonly key: string;
    readonly reason: string;
    /** Who asked for it. */
    readonly identity: string;
    readonly stoppedAt: Date | undefined;
  }[];
  /** Raised by every change. */
  readonly epoch: bigint;
  /** False while the store is away: stops of other daemons may be missing. */
  readonly complete: boolean;
}

/** What became of a resumption. */
export interface ResumedKeys {
  /** Other daemons learn of it now; false while the store is away. */
  readonly shared: boolean;
  /** Whether anything was stopped that is not any more. */
  readonly resumed: boolean;
  /** Stops that are still in force. */
  readonly remaining: number;
}
