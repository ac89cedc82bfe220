// The branch key that a key seals with: made by this process, proven, within its age and its count.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { SealingBranch } from "../envelope/index.ts";
import type { KeyStatus } from "./broker.ts";
import { asProviderFailure } from "./failures.ts";

/** A branch key that was just made and proven. */
export interface MadeBranch {
  readonly sealing: SealingBranch;
  /** It lacks recipients that could not take it. */
  readonly partial: boolean;
  /** How many recipients it was wrapped for. */
  readonly recipients: number;
}

/** How long and how often a branch key may seal. */
export interface BranchKeyLimits {
  readonly maxAgeMs: number;
  readonly maxWraps: number;
  readonly graceMs: number;
}

interface Branch {
  /** Seals promised; counted before sealing, so that the count is never short. */
  wraps: number;
  readonly createdAt: Date;
  readonly madeAtMs: number;
  readonly dueAtMs: number;
  readonly sealing: SealingBranch;
  readonly recipients: number;
}

interface Making {
  wraps: number;
  readonly result: PromiseWithResolvers<Branch>;
}

/** A branch key that lacks recipients is due early: the missing ones may be back. */
const partialMaxAgeMs = 60_000;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

/** Makes and hands out one key's branch keys. Times are performance.now()'s. */
export class BranchKeys {
  readonly #limits: BranchKeyLimits;
  #current: Branch | undefined;
  #making: Making | undefined;
  #failures = 0;
  #failure: BrokerError | undefined;
  #retryAtMs = 0;
  #generation = 0;

  constructor(limits: BranchKeyLimits) {
    this.#limits = limits;
  }

  /** The current branch key, for `keys list`. */
  status(): KeyStatus["branchKey"] {
    const branch = this.#current;
    return branch && { createdAt: branch.createdAt, wraps: branch.wraps, recipients: branch.recipients };
  }

  /** Reserves one seal under the current branch key; undefined when it is due or used up. */
  reserve(nowMs: number): SealingBranch | undefined {
    const branch = this.#current;
    if (!branch || nowMs >= branch.dueAtMs || branch.wraps >= this.#limits.maxWraps) return undefined;
    branch.wraps++;
    return branch.sealing;
  }

  /** Reserves one seal under a branch key that is due and could not be replaced; undefined past grace or count. */
  reserveInGrace(nowMs: number): SealingBranch | undefined {
    const branch = this.#current;
    const { maxWraps, graceMs } = this.#limits;
    if (!branch || nowMs >= branch.dueAtMs + graceMs || branch.wraps >= maxWraps) return undefined;
    branch.wraps++;
    return branch.sealing;
  }

  /** Why the latest try to make one failed; undefined when it did not. */
  failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** Whether making one may be tried: after a failure there is a pause, longer each time. */
  mayMake(nowMs: number): boolean {
    return nowMs >= this.#retryAtMs;
  }

  /** Reserves one seal under the branch key in the making, which many calls share; makes one where there is none. */
  async reserveNew(make: () => Promise<MadeBranch>): Promise<SealingBranch> {
    if (!this.#making || this.#making.wraps >= this.#limits.maxWraps) this.#making = this.#start(make);
    this.#making.wraps++;
    return (await this.#making.result.promise).sealing;
  }

  /** Makes one in the background, for later calls. */
  renew(make: () => Promise<MadeBranch>): void {
    this.#making ??= this.#start(make);
  }

  /** Forgets the current one; what is in the making is neither kept nor handed out. */
  clear(): void {
    this.#generation++;
    this.#current = undefined;
    this.#making = undefined;
    this.#forgive();
  }

  #start(make: () => Promise<MadeBranch>): Making {
    const making: Making = { wraps: 0, result: Promise.withResolvers<Branch>() };
    void this.#make(make, making);
    // Every caller may be gone by the time it fails.
    making.result.promise.catch(() => {});
    return making;
  }

  async #make(make: () => Promise<MadeBranch>, making: Making): Promise<void> {
    const generation = this.#generation;
    const times = { createdAt: new Date(), madeAtMs: performance.now() };
    try {
      const made = await make();
      if (generation !== this.#generation) throw purged();
      making.result.resolve(this.#adopt({ ...times, ...made, wraps: making.wraps }));
    } catch (error) {
      making.result.reject(error);
      if (generation === this.#generation) this.#pause(error);
    } finally {
      if (this.#making === making) this.#making = undefined;
    }
  }

  #adopt(made: Omit<Branch, "dueAtMs"> & MadeBranch): Branch {
    const { maxAgeMs } = this.#limits;
    const branch = {
      ...made,
      dueAtMs: made.madeAtMs + (made.partial ? Math.min(partialMaxAgeMs, maxAgeMs) : maxAgeMs),
    };
    if (!this.#current || this.#current.madeAtMs <= branch.madeAtMs) this.#current = branch;
    this.#forgive();
    return branch;
  }

  #pause(error: unknown): void {
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures++);
    this.#failure = asProviderFailure(error, "unknown");
    this.#retryAtMs = performance.now() + pauseMs;
  }

  #forgive(): void {
    this.#failures = 0;
    this.#failure = undefined;
    this.#retryAtMs = 0;
  }
}

/** What calls are told whose branch key was purged under them. */
export function purged(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "the key's branch keys were purged during the call: try again");
}

/** Whether the old branch key may serve after this failure: not when the master key was disabled on purpose. */
export function allowsGrace(error: unknown): boolean {
  return !(isBrokerError(error) && error.reason === "KEY_DISABLED");
}
