// What a provider's fault tests are made of: a real or strict backend that can be told to fail in each way.

/** The ways in which a backend fails, each tried against each provider. */
export const faults = [
  "hang",
  "slow answer",
  "reset",
  "throttling",
  "server error",
  "expired credentials",
  "revoked permission",
  "disabled key",
  "another key's answer",
  "truncated answer",
  "bit flip",
  "wrong checksum",
  "missing checksum",
  "child killed",
  "store deleted",
  "clock an hour off",
  "DNS failure",
] as const;

export type Fault = (typeof faults)[number];

/** A fault in force. */
export interface Injected {
  /** How many calls met it so far: the run fails when a fault met none. */
  hits(): number;
  /** Ends it: the backend is well again, without the daemon's help. */
  clear(): Promise<void>;
}

/** A backend at work, with two equal providers' worth of configuration to reach it. */
export interface FaultBench {
  /** What stands under `providers` in a configuration. */
  readonly provider: Readonly<Record<string, unknown>>;
  /** What stands beside `provider` in a recipient. */
  readonly reference: Readonly<Record<string, unknown>>;
  /** Words that no log, error or metric may hold: tokens, PINs, secret keys. */
  readonly secrets: readonly string[];
  inject(fault: Fault): Promise<Injected>;
  /** Calls that wrapped and unwrapped at the backend since its start, where it can tell. */
  calls?(): Promise<{ readonly wraps: number; readonly unwraps: number }>;
  stop(): Promise<void>;
}

/** One provider kind under test: a file per kind in this folder exports one. */
export interface FaultSubject {
  readonly kind: string;
  /** Faults that this backend cannot have, each with why: `child killed` where there is no child. */
  readonly exempt: Readonly<Partial<Record<Fault, string>>>;
  /** Throws when the backend cannot be started. */
  start(): Promise<FaultBench>;
}
