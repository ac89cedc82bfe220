// What a conformance case is, and what it needs of a provider's tests.

import type { ProviderKind } from "../provider.ts";

/** A provider and its backend, as a test sets them up. */
export interface ConformanceHarness {
  readonly kind: ProviderKind;
  /** The settings as they stand in a configuration, before the kind's schema. */
  settings(): unknown;
  /** A reference to a master key of the backend, before the kind's schema. */
  reference(): unknown;
  /** A reference to another master key of the same backend. */
  otherReference(): unknown;
  /** Text that no error may hold: keys, tokens, PINs, in every form that they are known in. */
  secrets(): readonly string[];
  /** Gives the master key a new version; `settings()` may answer others afterwards, and the provider is opened anew. */
  rotate?(): Promise<void>;
  /** Disables the master key that `reference()` names; what it answers enables it again. */
  disable?(): Promise<() => Promise<void>>;
}

/** A case. `run` rejects when the provider does not hold to it; it resolves to "skipped" where the harness cannot tell. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: (harness: ConformanceHarness) => Promise<"passed" | "skipped">;
}
