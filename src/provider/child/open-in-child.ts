// Opens a provider in a child process and answers one that passes every call on to it.

import type { Notify, Provider, ProviderKind } from "../provider.ts";
import { remoteProvider } from "./remote.ts";
import { Supervisor } from "./supervisor.ts";

/**
 * What the child's module exports as `default`: a ProviderKind, or no more of it than `open`. A module that imports zod
 * costs its child 12 MB, so a module made for a child leaves settings and references to a kind of the daemon's process.
 */
export type ChildModule = Pick<ProviderKind, "open">;

/** What a child is opened with. */
export interface ChildOptions {
  /** The provider's kind, for messages: `pkcs11`. */
  readonly kind: string;
  /** The module to import in the child: a URL (see `ownModule`), or an npm module's name. */
  readonly module: URL | string;
  /**
   * What `open` gets there, as the kind's schema made it: what JSON can say, and `secret()` sources anywhere in it. A
   * file's source reads the file in the child at each `read()`; a variable's bytes go over the pipe at every start.
   */
  readonly settings: unknown;
  /** A call that has not ended so long after its abort, in milliseconds, means a blocked child: it is killed. */
  readonly killAfterMs: number;
  /** Variables for the child beside PATH and LANG, never secrets: everyone on the machine may see them. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Gets the provider's notices, and one of the topic `process` whenever the child ends by itself or must be killed. */
  readonly notify?: Notify | undefined;
}

/**
 * Starts the child and opens the provider in it. Throws what `open` threw there: a BrokerError by its reason, message and
 * delay; of anything else its name, code and place, never its message. A child that crashes or does not answer is no
 * reason to fail: the provider answers PROVIDER_UNAVAILABLE and the child is started again, after 100 ms, 200 ms … 30 s.
 *
 * The provider, its master keys included, outlives its child. Material and blobs cross the pipe as raw bytes and are
 * wiped on both sides. References are what JSON can say. A call's abort rejects it at once. `close` ends the child within
 * 2 s, with SIGKILL if need be.
 */
export async function openInChild(options: ChildOptions): Promise<Provider> {
  const supervisor = new Supervisor(options);
  await supervisor.opened();
  return remoteProvider(supervisor);
}
