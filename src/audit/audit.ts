// The record of every attempt, written before anything leaves the daemon.

import type { Reason } from "../errors/index.ts";

/** What a record is about. */
type AuditEvent =
  /** About to reach a provider; about to be answered; many denials of one second, counted. */
  | "attempt"
  | "result"
  | "denials"
  /** A configuration that came into force; the daemon's start and stop. */
  | "configuration"
  | "start"
  | "stop"
  /** An emergency stop came into force here, or was lifted. */
  | "key-stopped"
  | "key-resumed"
  /** Consent to restores: asked for, signed, opened, charged with an envelope, taken back. */
  | "grant-requested"
  | "grant-approved"
  | "grant-opened"
  | "grant-used"
  | "grant-revoked"
  /** The log's own: its first record, a further file's first, a file that was cut back to whole records or removed. */
  | "log-opened"
  | "part-opened"
  | "repaired"
  | "part-removed";

/** One record. Log id, sequence number and time are the log's to add. */
export interface AuditRecord {
  readonly event: AuditEvent;
  /** Unique in this log: pairs an attempt with its result. */
  readonly call?: number;
  readonly listener?: string;
  /** Where the caller's connection comes from, over TCP: `address:port`. */
  readonly peer?: string;
  readonly identity?: string;
  readonly operation?: string;
  readonly key?: string;
  /** SHA-256 of the envelope, the first 16 bytes, hex: of the one read, or for wraps the one made. */
  readonly envelope?: string;
  /** The envelope's branch key, hex. */
  readonly branch?: string;
  /** The master keys that the envelope names: of the one read it is a proposal, whatever came of it. */
  readonly masterKeys?: readonly string[];
  /** The names of the context's pairs. */
  readonly contextNames?: readonly string[];
  /** The context pairs whose names the configuration lists under audit.contextValues. */
  readonly context?: Readonly<Record<string, string>>;
  /** What the policy said; absent where it was not asked. */
  readonly decision?: "allowed" | "denied";
  /** With `allowed`: the rule's index in the configuration. */
  readonly rule?: number;
  /** The grant that allowed it. */
  readonly grant?: string;
  /** Absent on attempts. */
  readonly outcome?: "done" | Reason;
  /** From the call's receipt to its record, in microseconds. */
  readonly durationUs?: number;
  /** Further facts: of configuration events digests, rules added and removed; of admin calls what they are about. */
  readonly details?: Readonly<Record<string, string | number | readonly string[]>>;
}

export interface AuditLog {
  /**
   * Reads the record before it returns. Resolves when it is written; records of one turn of the event loop share one write. Rejects with
   * AUDIT_UNAVAILABLE when it cannot be written: the call must then fail.
   */
  append(record: AuditRecord): Promise<void>;
  /** Writes what is pending. Later appends reject. */
  close(): Promise<void>;
}
