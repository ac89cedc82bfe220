// What a sink is: a place outside the machine that audit records and checkpoints are sent on to.

/** One record, or one checkpoint, on its way. */
export interface Item {
  /** The line of JSON, without its newline. */
  readonly line: string;
  /** The line's fields, parsed. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A receiver of items. */
export interface Target {
  /**
   * Resolves when the receiver has taken all of them, as far as its protocol can say. Rejects when it may not have: they
   * are sent again. One call at a time.
   */
  send(items: readonly Item[], signal: AbortSignal): Promise<void>;
  /** Hands over what is under way and hangs up. */
  close(): Promise<void>;
}

/** How a sink does. */
export interface SinkState {
  /** `syslog` or `otlp`. */
  readonly sink: string;
  /** Items that were sent since the start. */
  readonly sent: number;
  /** Attempts that failed since the start. */
  readonly failures: number;
  /** Bytes of records that stand in the folder and were not sent. Compressed parts count as they are. */
  readonly lagBytes: number;
  /** Whether the last attempt failed. */
  readonly failing: boolean;
}
