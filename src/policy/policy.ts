// Who may do what with which key. What no rule allows is denied.

import type { Permission } from "../config/configuration.ts";
import type { Identity } from "../identity/identity.ts";

/** Whoever asks: an identity, as far as the policy looks at it. */
export interface Asker {
  readonly name: Identity["name"];
  readonly attributes?: Identity["attributes"];
  /** Must be allowed too. */
  readonly within?: Asker | undefined;
}

/** A question to the policy. */
export interface Question {
  readonly identity: Asker;
  readonly permission: Permission;
  /** The key's present name; undefined for permissions that name no key. */
  readonly key: string | undefined;
  /** What the caller said the data key is for; undefined where the operation brings none. */
  readonly context?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since 1970; left out: now. */
  readonly nowMs?: number | undefined;
}

/** The answer, with the rule that gave it, for the audit. */
export type Decision =
  | {
      readonly allowed: true;
      /** Index of the rule in the configuration: the first that allows. Its quota and its grant hold. */
      readonly rule: number;
    }
  | { readonly allowed: false };

export interface Policy {
  /** Synchronous and without I/O: it is asked for every call. */
  decide(question: Question): Decision;
}
