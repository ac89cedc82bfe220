// What a provider's fault tests are made of: a real or strict backend that can be told to fail in each way.

import type { Program } from "../backends/available.ts";

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

/**
 * Faults of the daemon's side, which the runner itself brings about for every subject and which are never given to
 * `inject`: the daemon's own clock goes an hour ahead (libfaketime; the backend's stays), and `backendHost` no longer
 * resolves (a hosts file of the daemon's own).
 */
type RunnerFault = Extract<Fault, "clock an hour off" | "DNS failure">;

/** What `inject` is asked for. */
export type BackendFault = Exclude<Fault, RunnerFault>;

/** A name that only the runner's daemons know: it is 127.0.0.1 there, and nothing while DNS fails. */
export const backendHost = "backend.keybroker.test";

/** A fault in force. */
export interface Injected {
  /** How many calls met it so far: the run fails when a fault met none. */
  readonly hits: () => number;
  /** Ends it: the backend is well again, without the daemon's help. Calls that still hang need not be ended. */
  readonly clear: () => Promise<void>;
}

/** A backend at work, with all of the configuration that it takes to reach it. */
export interface FaultBench {
  /** What stands under `providers` in a configuration; it works in any process of this machine. */
  readonly provider: Readonly<Record<string, unknown>>;
  /** What stands beside `provider` in a recipient. */
  readonly reference: Readonly<Record<string, unknown>>;
  /** The environment that the daemon needs for this provider, where it needs any (`AWS_ACCESS_KEY_ID` …). */
  readonly environment?: Readonly<Record<string, string>>;
  /** Words that no log, error, metric or audit record may hold: tokens, PINs, secret keys. */
  readonly secrets: readonly string[];
  /**
   * `provider`, with the backend reached by this host name in place of a loopback address. Left out where the backend
   * has no host: `DNS failure` is exempt then.
   */
  readonly providerAt?: (host: string) => Readonly<Record<string, unknown>>;
  /**
   * Ends the connections that are open, so that the next call needs the host's address again. Left out where the client
   * keeps the address that it once had, as gRPC does: `DNS failure` then meets a provider that was opened anew.
   */
  readonly dropConnections?: () => Promise<void>;
  readonly inject: (fault: BackendFault) => Promise<Injected>;
  /** Calls that wrapped and unwrapped at the backend since its start, where it can tell. */
  calls?(): Promise<{ readonly wraps: number; readonly unwraps: number }>;
  /** Of these, what the provider asks of its own accord each time that it opens a master key; none if left out. */
  readonly ownCalls?: { readonly wraps: number; readonly unwraps: number };
  /** Ends the backend for good, without asking the daemon. May be called twice. */
  readonly stop: () => Promise<void>;
}

/** One provider kind under test. `test/faults/<kind>.ts` exports one by the name `subject`. */
export interface FaultSubject {
  readonly kind: string;
  /** Faults that this backend cannot have, each with why: `child killed` where there is no child. */
  readonly exempt: Readonly<Partial<Record<Fault, string>>>;
  /** What `start` needs: where one is missing and cannot be installed, a laptop skips this kind and CI fails. */
  readonly programs?: readonly Program[];
  /** Each call starts a backend of its own: several run side by side. Throws when it cannot be started. */
  readonly start: () => Promise<FaultBench>;
}
