// The configuration as the rest of the daemon sees it: checked, with defaults, times in milliseconds.

/** A recipient of a key: which master key of which provider. */
export interface RecipientConfiguration {
  /** A name under `providers`. */
  readonly provider: string;
  /** What the provider calls the master key: checked by the kind's reference schema. */
  readonly reference: unknown;
}

/** A key that callers name. */
export interface KeyConfiguration {
  readonly name: string;
  readonly formerNames: readonly string[];
  readonly wrapTo: readonly RecipientConfiguration[];
  readonly unwrapOnly: readonly RecipientConfiguration[];
  /** Recipients that must accept a new branch key. */
  readonly wrapNeeds: number;
  /** Recipients that must open an envelope: the threshold k. */
  readonly unwrapNeeds: number;
  /** A recipient that has not answered an unwrap for this long gets the next one beside it. */
  readonly unwrapDelayMs: number;
  readonly context: {
    /** An empty context is refused when wrapping. */
    readonly required: boolean;
    /** Names that must be there when wrapping. */
    readonly require: readonly string[];
  };
  readonly branchKey: { readonly maxAgeMs: number; readonly maxWraps: number; readonly graceMs: number };
  /** maxAgeMs 0: every unwrap reaches the provider. */
  readonly unwrapCache: { readonly maxAgeMs: number; readonly maxEntries: number };
  /** A new branch key is unwrapped again by every recipient before it seals. */
  readonly verifyWrap: boolean;
}

/** An opened-to-be provider. */
export interface ProviderConfiguration {
  readonly name: string;
  readonly kind: string;
  /** An npm module to load the kind from; undefined for first-party kinds. */
  readonly module: string | undefined;
  /** Where the module runs; a child process when left out. */
  readonly process?: "child" | "daemon" | undefined;
  /** What the kind's settings schema made of the rest. */
  readonly settings: unknown;
  /** Equal digests mean equal settings: the provider may be kept over a reload. */
  readonly digest: string;
}

/** Where callers come in. */
export type ListenerConfiguration = UnixListenerConfiguration | TcpListenerConfiguration;

interface ListenerLimits {
  readonly name: string;
  /** Serves keybroker.admin.v1 too. */
  readonly admin: boolean;
  readonly maxConnections: number;
}

/** A unix socket: whoever can open it has its identity. */
export interface UnixListenerConfiguration extends ListenerLimits {
  readonly unix: string;
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly identity: string;
}

/** TCP with mutual TLS 1.3. */
export interface TcpListenerConfiguration extends ListenerLimits {
  readonly tcp: { readonly host: string; readonly port: number };
  /** PEM files: read at start and at reload. */
  readonly tls: { readonly cert: string; readonly key: string };
}

/** Whom a verified certificate stands for: the first two fields, exactly one of them, match a SAN. */
export interface IdentityConfiguration {
  readonly name: string;
  readonly listener: string;
  /** A PEM file: the authorities that may vouch for it. */
  readonly ca: string;
  /** A URI SAN, matched whole. */
  readonly spiffe: string | undefined;
  /** A DNS SAN, matched whole. */
  readonly dns: string | undefined;
}

/** What a caller may be permitted to do. */
export const permissions = [
  "wrap",
  "unwrap",
  "generate",
  "rewrap",
  "check",
  "inspect",
  "admin.keys.list",
  "admin.masterkeys.list",
  "admin.masterkeys.rotate",
  "admin.masterkeys.update",
  "admin.status",
] as const;

export type Permission = (typeof permissions)[number];

/** A rule that allows. What no rule allows is denied. */
export interface RuleConfiguration {
  readonly who: readonly string[];
  readonly may: readonly Permission[];
  /** Exact names, or `prefix/*`; `*` alone is every key. */
  readonly keys: readonly string[];
}

/** The audit log. */
interface AuditConfiguration {
  readonly folder: string;
  /** `fsync`: a record is on the disk before its call is answered. */
  readonly durability: "write" | "fsync";
  /** A PEM file; undefined for one in the folder. */
  readonly signingKey: string | undefined;
  readonly checkpointEveryMs: number;
  /** A file of this size is ended. */
  readonly rotateBytes: number;
  /** How long files are kept; Infinity for ever. */
  readonly keepMs: number;
  /** Room on the disk for the records of granted calls. */
  readonly reserveBytes: number;
  readonly denialsPerSecond: number;
  /** Names of context pairs whose values are recorded. */
  readonly contextValues: readonly string[];
}

/** All of it. */
export interface Configuration {
  /** The file it came from; undefined for the embedded default. */
  readonly file: string | undefined;
  /** SHA-256 of the file, hex. */
  readonly digest: string;
  readonly realm: string;
  readonly acceptRealms: readonly string[];
  readonly providers: ReadonlyMap<string, ProviderConfiguration>;
  readonly keys: ReadonlyMap<string, KeyConfiguration>;
  readonly listeners: ReadonlyMap<string, ListenerConfiguration>;
  readonly identities: ReadonlyMap<string, IdentityConfiguration>;
  readonly policy: readonly RuleConfiguration[];
  readonly audit: AuditConfiguration;
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly log: { readonly level: "error" | "warn" | "info" | "debug" };
  readonly limits: {
    /** A call's longest life, whatever its caller says. */
    readonly callTimeoutMs: number;
    /** SIGTERM's bound. */
    readonly drainTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly prefaceTimeoutMs: number;
    readonly maxStreamsPerConnection: number;
    readonly maxMessageBytes: number;
    readonly maxHeaderBytes: number;
    /** Provider calls under way at once, per provider. */
    readonly maxProviderCalls: number;
    readonly providerTimeoutMs: number;
    /** From one look at all master keys to the next. */
    readonly probeIntervalMs: number;
  };
}
