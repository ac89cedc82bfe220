// What the bench needs to know of another key service.

import type { Child } from "../../backends/process.ts";

/** Starts a process that the bench ends, also when the peer's start fails after it. */
export type Launch = (command: readonly string[], env: NodeJS.ProcessEnv) => Child;

/** Where a peer is started. */
interface Place {
  /** Its program. */
  readonly path: string;
  /** A folder for its files. */
  readonly folder: string;
  /** The load generator, which also makes age identities. */
  readonly generator: string;
  readonly launch: Launch;
}

/** A running one. */
interface Peer {
  readonly process: Child;
  /** The generator's options for decrypting a 32-byte data key, besides how many are in flight. */
  readonly load: readonly string[];
}

/** How to start one. */
export interface PeerKind {
  /** Its command. */
  readonly name: string;
  /** What stands in the table: how it is set up and what it leaves out. */
  readonly description: string;
  start(place: Place): Promise<Peer>;
}
