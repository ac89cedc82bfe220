// Counts uses in the store, which all processes share, and in this machine's ledger, which is there when the store is not.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { GrantUse, Store } from "../store/index.ts";
import type { Ledger } from "./ledger.ts";

/** What is charged. */
interface Charge {
  readonly id: string;
  readonly envelope: string;
  readonly maxUnwraps: number;
  readonly untilMs: number;
}

/** An answer, and where it was counted. */
interface Counted {
  readonly use: GrantUse;
  readonly countedIn: "store" | "file";
}

export interface Counter {
  /** Charges both, and takes the stricter answer. Throws STORE_UNAVAILABLE when neither can count. */
  charge(charge: Charge): Promise<Counted>;
  /** Revokes in both. Throws STORE_UNAVAILABLE when the store could not be told. */
  revoke(id: string, atMs: number, untilMs: number): Promise<boolean>;
}

/** `store` is undefined where none is configured. */
export function createCounter(store: Store | undefined, ledger: Ledger): Counter {
  /** Grants whose uses in the ledger the store has heard of. */
  const told = new Set<string>();

  /** What was counted while the store was away, or lost with an older store that was restored, is charged there too. */
  async function tell(shared: Store, { id, maxUnwraps, untilMs }: Charge): Promise<void> {
    if (told.has(id)) return;
    const { envelopes, revoked } = await ledger.uses(id).catch(() => nothing);
    for (const envelope of envelopes) await shared.useGrant(id, envelope, maxUnwraps, untilMs);
    if (revoked) await shared.revokeGrant(id, Date.now(), untilMs);
    told.add(id);
  }

  async function chargeStore(charge: Charge, local: GrantUse | undefined): Promise<GrantUse | undefined> {
    if (store === undefined) return undefined;
    try {
      const isTold = told.has(charge.id);
      await tell(store, charge);
      const use = await store.useGrant(charge.id, charge.envelope, charge.maxUnwraps, charge.untilMs);
      // The ledger had it already when the store was told of its uses: that was this very call.
      return !isTold && use === "again" && local === "new" ? "new" : use;
    } catch (error) {
      if (!isBrokerError(error) || error.reason !== "STORE_UNAVAILABLE") throw error;
      told.clear();
      return undefined;
    }
  }

  return {
    async charge(charge) {
      const { id, envelope, maxUnwraps, untilMs } = charge;
      const local = await ledger.use(id, envelope, maxUnwraps, untilMs).catch(() => undefined);
      if (local === "spent" || local === "revoked") return { use: local, countedIn: "file" };
      const shared = await chargeStore(charge, local);
      if (shared !== undefined) return { use: shared, countedIn: "store" };
      if (local !== undefined) return { use: local, countedIn: "file" };
      throw new BrokerError("STORE_UNAVAILABLE", "neither the store nor the file of this grant's uses can be written");
    },
    async revoke(id, atMs, untilMs) {
      const isLocal = await ledger.revoke(id, untilMs).then(
        () => true,
        () => false,
      );
      if (store === undefined) return isLocal;
      try {
        return await store.revokeGrant(id, atMs, untilMs);
      } catch (cause) {
        if (!isLocal) throw cause;
        const message = "the store is away: the grant is revoked on this machine alone, so revoke it again";
        throw new BrokerError("STORE_UNAVAILABLE", message, { cause });
      }
    },
  };
}

const nothing = { envelopes: [] as readonly string[], revoked: false };
