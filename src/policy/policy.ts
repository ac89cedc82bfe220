// Who may do what with which key. What no rule allows is denied.

import type { Permission } from "../config/configuration.ts";
import type { Identity } from "../identity/identity.ts";

/** A question to the policy. */
export interface Question {
  readonly identity: Identity;
  readonly permission: Permission;
  /** The key's present name; undefined for permissions that name no key. */
  readonly key: string | undefined;
}

/** The answer, with the rule that gave it, for the audit. */
export type Decision =
  | { readonly allowed: true; /** Index of the rule in the configuration. */ readonly rule: number }
  | { readonly allowed: false };

export interface Policy {
  /** Synchronous and without I/O: it is asked for every call. */
  decide(question: Question): Decision;
}
