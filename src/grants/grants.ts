// Restore grants: what a call by a rule that asks for consent needs, and how consent is given, kept and taken back.

import type { GrantRequirement } from "../config/index.ts";
import type { Identity } from "../identity/identity.ts";
import type { Statement } from "./statement.ts";

/** A call that a rule lets through under a grant alone. */
export interface GrantQuestion {
  readonly identity: Identity;
  /** The key's present name. */
  readonly key: string;
  /** Undefined where the operation brings none. */
  readonly context: Readonly<Record<string, string>> | undefined;
  /** The envelope's fingerprint, 32 hex digits: what is counted. */
  readonly envelope: string;
  /** What its rule asks for; where a token is within another identity, what the rules of both ask for. */
  readonly needs: readonly GrantRequirement[];
  /** The signed document, where the call brings it; empty where it does not. */
  readonly document: string;
}

/** The grant that let a call through. */
export interface UsedGrant {
  readonly id: string;
  readonly statement: Statement;
  readonly approvers: readonly string[];
  /** False where the envelope was charged before. */
  readonly isNew: boolean;
  /** Where it was counted: in the file alone while the store is away. */
  readonly countedIn: "store" | "file";
}

/** A grant's document, with who approved it. */
export interface ReadGrant {
  readonly id: string;
  readonly statement: Statement;
  /** Approvers of the configuration whose signatures it has. */
  readonly approvers: readonly string[];
}

/** A grant that was opened. */
export interface OpenGrant extends ReadGrant {
  /** Distinct envelopes that were charged to it. */
  readonly uses: number;
  readonly revokedAtMs: number | undefined;
}

export interface Grants {
  /**
   * Finds an open grant for a call and charges the envelope to it, on the disk. Throws DENIED where there is none, and
   * STORE_UNAVAILABLE where none can be found or counted.
   */
  require(question: GrantQuestion): Promise<UsedGrant>;
  /** Reads a document and says who approved it, whatever its rules want. Throws REQUEST_INVALID. */
  read(document: string): ReadGrant;
  /** The same, where it could be opened now; throws REQUEST_INVALID with what it lacks where no rule would ever take it. */
  judge(document: string): ReadGrant;
  /**
   * Opens a grant for every process of this store. Throws REQUEST_INVALID where `judge` does and for one that was
   * revoked; STORE_UNAVAILABLE.
   */
  open(document: string): Promise<OpenGrant>;
  /** Grants that were opened and have not ended a month ago. Throws STORE_UNAVAILABLE. */
  list(): Promise<readonly OpenGrant[]>;
  /**
   * Revokes a grant, one that was never opened here as well. True when it was not before. Throws STORE_UNAVAILABLE when
   * only this machine knows of it.
   */
  revoke(id: string): Promise<boolean>;
}
