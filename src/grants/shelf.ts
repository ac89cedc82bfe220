// The grants that were opened: their documents in the store, read again whenever they count.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Store, StoredGrant } from "../store/index.ts";
import type { OpenGrant, ReadGrant } from "./grants.ts";

/** Opened grants. Each method throws STORE_UNAVAILABLE. */
export interface Shelf {
  /** All but those that ended a month ago; none where there is no store. */
  all(nowMs: number): Promise<readonly OpenGrant[]>;
  /** Keeps a document, and answers what is known of its grant. Throws REQUEST_INVALID where there is no store. */
  put(grant: ReadGrant, document: string, nowMs: number): Promise<OpenGrant>;
}

/** `read` judges a document by the configuration in force. */
export function createShelf(store: Store | undefined, read: (document: string) => ReadGrant): Shelf {
  async function all(nowMs: number): Promise<readonly OpenGrant[]> {
    const rows = (await store?.grants(nowMs)) ?? [];
    return rows.map(opened).filter((grant) => grant !== undefined);
  }

  /** Undefined for a revocation without its document, and for what another version wrote. */
  function opened({ document, uses, revokedAtMs }: StoredGrant): OpenGrant | undefined {
    if (document === "") return undefined;
    try {
      return { ...read(document), uses, revokedAtMs };
    } catch (error) {
      if (isBrokerError(error)) return undefined;
      throw error;
    }
  }

  return {
    all,
    async put(grant, document, nowMs) {
      if (store === undefined) throw new BrokerError("REQUEST_INVALID", "there is no store to open it in: use --grant");
      await store.saveGrant({ id: grant.id, document, untilMs: grant.statement.untilMs });
      const found = (await all(nowMs)).find(({ id }) => id === grant.id);
      return found ?? { ...grant, uses: 0, revokedAtMs: undefined };
    },
  };
}
