// The branch key that a key seals with: made by this process, proven, within its age and its count.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { SealingBranch } from "../envelope/index.ts";
import type { KeyStatus } from "./broker.ts";
import { asProviderFailure } from "./failures.ts";

/** A branch key that was just made and proven. */
export interface MadeBranch {
  readonly sealing: SealingBranch;
  /** Whom it was wrapped for, by `listedName`. */
  readonly recipients: readonly string[];
  /** How many more the key lists, which could not take it. */
  readonly missing: number;
}

/** How long and how often a branch key may seal. */
export interface BranchKeyLimits {
  readonly maxAgeMs: number;
  readonly maxWraps: number;
  readonly graceMs: number;
}

/** A branch key that may seal once: the seal is counted. */
export interface Reserved {
  readonly sealing: SealingBranch;
  readonly missing: number;
}

interface Branch extends MadeBranch {
  /** Seals promised; counted before sealing, so that the count is never short. */
  wraps: number;
  readonly createdAt: Date;
  readonly madeAtMs: number;
  readonly dueAtMs: number;
}

interface Making {
  wraps: number;
  readonly result: PromiseWithResolvers<Branch>;
  readonly beganAtMs: number;
  /** Recipients that were told disabled meanwhile. */
  readonly dropped: Set<string>;
}

type Make = () => Promise<MadeBranch>;

/** A branch key that lacks recipients is due early: the missing ones may be back. */
const shortMaxAgeMs = 60_000;
/** Tries behind an old branch key that serves on, and tries to complete a short one. */
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** Tries that callers wait for. */
const firstRestMs = 100;
const longestRestMs = 1_000;

/** Makes and hands out one key's branch keys. Times are performance.now()'s. */
export class BranchKeys {
  readonly #limits: BranchKeyLimits;
  readonly #underWay = new Set<Making>();
  #current: Branch | undefined;
  #making: Making | undefined;
  #failures = 0;
  #failure: BrokerError | undefined;
  #retryAtMs = 0;
  #restedAtMs = 0;
  #shorts = 0;
  #completeAtMs = 0;
  #generation = 0;

  constructor(limits: BranchKeyLimits) {
    this.#limits = limits;
  }

  /** The current branch key, for `keys list`. */
  status(): KeyStatus["branchKey"] {
    const branch = this.#current;
    return branch && { createdAt: branch.createdAt, wraps: branch.wraps, recipients: branch.recipients.length };
  }

  /** How many recipients the current branch key lacks. */
  missing(): number {
    return this.#current?.missing ?? 0;
  }

  /** Reserves one seal under the current branch key; undefined when it is due or used up. */
  reserve(nowMs: number): Reserved | undefined {
    const branch = this.#current;
    if (!branch || nowMs >= branch.dueAtMs || branch.wraps >= this.#limits.maxWraps) return undefined;
    branch.wraps++;
    return branch;
  }

  /** Reserves one seal under a branch key that is due and could not be replaced; undefined past grace or count. */
  reserveInGrace(nowMs: number): Reserved | undefined {
    const branch = this.#current;
    const { maxWraps, graceMs } = this.#limits;
    if (!branch || nowMs >= branch.dueAtMs + graceMs || branch.wraps >= maxWraps) return undefined;
    branch.wraps++;
    return branch;
  }

  /** Why the latest try to make one failed; undefined when it did not. */
  failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** Whether making one behind an old one may be tried: after a failure there is a pause, longer each time. */
  mayMake(nowMs: number): boolean {
    return nowMs >= this.#retryAtMs;
  }

  /** Whether one for all recipients may be tried, where the current one lacks some. */
  mayComplete(nowMs: number): boolean {
    return this.missing() > 0 && !this.#making && nowMs >= this.#completeAtMs;
  }

  /**
   * Reserves one seal under a branch key in the making, which many calls share; makes one where there is none, not
   * before a short rest after a failure. A making that began before the call and fails says nothing of now: it is
   * followed by another.
   */
  async reserveNew(make: Make): Promise<Reserved> {
    const generation = this.#generation;
    const older = this.#joinable();
    if (older && older.beganAtMs < performance.now()) {
      try {
        return await join(older);
      } catch (error) {
        if (generation !== this.#generation) throw error;
      }
    }
    return await join(this.#joinable() ?? this.#start(make));
  }

  /** Makes one in the background, for later calls. Resolves when that is over, whether it succeeded or not. */
  async renew(make: Make): Promise<void> {
    const { promise } = (this.#making ?? this.#start(make)).result;
    await promise.then(
      () => {},
      () => {},
    );
  }

  /** Forgets the current one; what is in the making is neither kept nor handed out. */
  clear(): void {
    this.#generation++;
    this.#current = undefined;
    this.#making = undefined;
    this.#forgive();
  }

  /** Forgets the current one, and whatever is in the making for this recipient, which was told disabled. */
  drop(recipient: string): void {
    this.#current = undefined;
    for (const { dropped } of this.#underWay) dropped.add(recipient);
  }

  #joinable(): Making | undefined {
    return this.#making && this.#making.wraps < this.#limits.maxWraps ? this.#making : undefined;
  }

  #start(make: Make): Making {
    const result = Promise.withResolvers<Branch>();
    const making: Making = { wraps: 0, result, beganAtMs: performance.now(), dropped: new Set() };
    this.#making = making;
    this.#underWay.add(making);
    void this.#make(make, making);
    // Every caller may be gone by the time it fails.
    result.promise.catch(() => {});
    return making;
  }

  async #make(make: Make, making: Making): Promise<void> {
    const generation = this.#generation;
    try {
      const restMs = this.#restedAtMs - performance.now();
      if (restMs > 0) await rest(restMs);
      const times = { createdAt: new Date(), madeAtMs: performance.now() };
      const made = await make();
      const dropped = made.recipients.some((recipient) => making.dropped.has(recipient));
      if (dropped || generation !== this.#generation) throw purged();
      making.result.resolve(this.#adopt({ ...times, ...made }, making.wraps));
    } catch (error) {
      making.result.reject(error);
      if (generation === this.#generation) this.#pause(error);
    } finally {
      this.#underWay.delete(making);
      if (this.#making === making) this.#making = undefined;
    }
  }

  #adopt(made: Omit<Branch, "dueAtMs" | "wraps">, wraps: number): Branch {
    const { maxAgeMs } = this.#limits;
    const lifeMs = made.missing > 0 ? Math.min(shortMaxAgeMs, maxAgeMs) : maxAgeMs;
    const branch = { ...made, wraps, dueAtMs: made.madeAtMs + lifeMs };
    if (!this.#current || this.#current.madeAtMs <= branch.madeAtMs) this.#current = branch;
    this.#forgive();
    this.#shorts = made.missing > 0 ? this.#shorts + 1 : 0;
    this.#completeAtMs = performance.now() + Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#shorts - 1));
    return branch;
  }

  #pause(error: unknown): void {
    const nowMs = performance.now();
    this.#failure = asProviderFailure(error, "unknown");
    this.#retryAtMs = nowMs + Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures);
    this.#restedAtMs = nowMs + Math.min(longestRestMs, firstRestMs * 2 ** this.#failures);
    this.#failures++;
  }

  #forgive(): void {
    this.#failures = 0;
    this.#failure = undefined;
    this.#retryAtMs = 0;
    this.#restedAtMs = 0;
  }
}

function join(making: Making): Promise<Branch> {
  making.wraps++;
  return making.result.promise;
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** What calls are told whose branch key was purged under them. */
export function purged(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "the key's branch keys were purged during the call: try again");
}

/** Whether the old branch key may serve after this failure: not when the master key was disabled on purpose. */
export function allowsGrace(error: unknown): boolean {
  return !(isBrokerError(error) && error.reason === "KEY_DISABLED");
}
