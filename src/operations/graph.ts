// What one configuration made: the parts that a call needs, swapped as a whole by a reload.

import type { AuditLog } from "../audit/audit.ts";
import type { Broker, Soon } from "../broker/broker.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Grants } from "../grants/index.ts";
import type { Identities, Identity } from "../identity/identity.ts";
import type { Policy } from "../policy/policy.ts";
import type { Quotas } from "../quota/index.ts";
import type { Stops } from "../stops/index.ts";
import type { Store } from "../store/index.ts";

/** The parts in force. A call keeps the graph it started with. */
export interface Graph {
  readonly configuration: Configuration;
  readonly identities: Identities;
  readonly policy: Policy;
  readonly broker: Broker;
  readonly audit: AuditLog;
  readonly grants: Grants;
  readonly quotas: Quotas;
  readonly stops: Stops;
  /** Undefined where none is configured. */
  readonly store: Store | undefined;
}

/** Where a call came in, as the front door knows it. */
export interface Caller {
  /** The listener's name. */
  readonly listener: string;
  /** Where the connection comes from, over TCP: `address:port`. */
  readonly peer?: string | undefined;
  /**
   * Who it is under this graph; undefined where the channel proves nobody. Never from the message. At once, but for a
   * token that was not verified before.
   */
  identity(graph: Graph): Soon<Identity | undefined>;
}

/** What the daemon knows of itself. */
export interface Facts {
  readonly version: string;
  readonly startedAt: Date;
  /** When the configuration in force came into force. */
  readonly configuredAt: Date;
  /** Why the last reload was refused; undefined when it was not. */
  readonly reloadError: string | undefined;
  /** What an operator should know, a sentence each. */
  readonly warnings: readonly string[];
}

/** What front doors share with the daemon. */
export interface Service {
  /** The graph in force; read once per call, or per frame of a Session. */
  graph(): Graph;
  /** True once draining began: new calls are refused, those read are answered. */
  draining(): boolean;
  /** Counts a call's outcome. It must cost next to nothing. */
  observe(operation: string, outcome: string, seconds: number): void;
  /** Logs what no caller may read: an INTERNAL error, or the cause beneath a provider's failure. */
  fault(operation: string, error: unknown): void;
  /** For GetStatus. */
  facts(): Facts;
}
