// The configuration as the rest of the daemon sees it: checked, with defaults, times in milliseconds.

import type { Condition } from "./condition.ts";

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
  /** Whether unwrapping goes on while the store is away, which knows the stops of other processes. */
  readonly onStoreLoss: "allow" | "refuse";
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
  /** The identity's: what conditions may compare. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** TCP with mutual TLS 1.3. */
export interface TcpListenerConfiguration extends ListenerLimits {
  readonly tcp: { readonly host: string; readonly port: number };
  /** PEM files: read at start and at reload. */
  readonly tls: { readonly cert: string; readonly key: string };
}

/** Whom a verified certificate, or a token, stands for: exactly one of `spiffe`, `dns` and `token` says how it is known. */
export interface IdentityConfiguration {
  readonly name: string;
  readonly listener: string;
  /** A PEM file: the authorities that may vouch for its certificate; undefined where a token says who it is. */
  readonly ca: string | undefined;
  /** Revocation lists of those authorities, a PEM or DER file. */
  readonly crl: string | undefined;
  /** A URI SAN, matched whole. */
  readonly spiffe: string | undefined;
  /** A DNS SAN, matched whole. */
  readonly dns: string | undefined;
  readonly token: TokenConfiguration | undefined;
  /** The identity of the connection that its token must come over, and which must be allowed whatever it is allowed. */
  readonly within: string | undefined;
  /** What conditions may compare: names to values. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** The tokens of an identity: JSON Web Tokens that an issuer signs for it. */
export interface TokenConfiguration {
  /** Matched whole, as the two below are. */
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly algorithms: readonly string[];
  /** Where the issuer's public keys stand; `ca` vouches for the URL's server, in place of the system's authorities. */
  readonly keys: { readonly file: string } | { readonly url: string; readonly ca: string | undefined };
  /** From `iat` to `exp`. */
  readonly maxLifetimeMs: number;
  /** How far the issuer's clock may be off. */
  readonly clockSkewMs: number;
  /** Attributes by their claims, as JSON pointers. */
  readonly claims: Readonly<Record<string, string>>;
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
  "admin.stop",
  "admin.grants.request",
  "admin.grants.approve",
  "admin.grants.open",
  "admin.grants.list",
  "admin.grants.revoke",
] as const;

export type Permission = (typeof permissions)[number];

/** A day of the week. */
export type Day = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

/** A window of time that comes again, by the clocks of a time zone. */
export interface TimeWindow {
  /** The days on which it begins. */
  readonly days: readonly Day[];
  /** Minutes after midnight, 0 to 1,439. */
  readonly fromMinute: number;
  /** Minutes after midnight, 1 to 1,440, itself outside. Not later than `fromMinute`: of the next day. */
  readonly toMinute: number;
  /** A name of the IANA time zone database. */
  readonly timezone: string;
}

/** How much one identity may do with one key by one rule, in every window of the clock. */
export interface QuotaConfiguration {
  readonly limit: number;
  /** A second, a minute, an hour or a day. */
  readonly windowMs: number;
  /** Distinct envelopes count, not calls. */
  readonly distinct: boolean;
}

/** The open grant that a rule asks for. */
export interface GrantRequirement {
  /** How many of `from` must have signed. */
  readonly approvals: number;
  /** Names of approvers. */
  readonly from: readonly string[];
  /** The longest a grant may be open. */
  readonly maxForMs: number;
  /** The most envelopes a grant may open. */
  readonly maxUnwraps: number;
}

/** Somebody whose signature on a grant counts. */
export interface ApproverConfiguration {
  readonly name: string;
  /** A file of SSH public keys, an absolute path. */
  readonly sshKey: string;
  /** Identities that this person acts as: grants for them, or asked for by them, are not theirs to approve. */
  readonly identities: readonly string[];
}

/** A rule that allows. What no rule allows is denied; of several that allow, the first in the file counts. */
export interface RuleConfiguration {
  /** Names of identities and groups. */
  readonly who: readonly string[];
  readonly may: readonly Permission[];
  /** Exact names, or `prefix/*`; `*` alone is every key. */
  readonly keys: readonly string[];
  /** All must hold; a call without a context meets none of them. */
  readonly when: readonly Condition[];
  /** Undefined: always. */
  readonly during: TimeWindow | undefined;
  /** All of them hold; none: no quota. */
  readonly quota: readonly QuotaConfiguration[];
  /** Undefined: none is asked for. */
  readonly grant: GrantRequirement | undefined;
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
  /** Where records are sent on to. */
  readonly sinks: {
    readonly syslog?:
      | {
          readonly transport: "udp" | "tcp" | "tls";
          readonly host: string;
          readonly port: number;
          /** A PEM file; undefined for the system's authorities. */
          readonly ca: string | undefined;
        }
      | undefined;
    /** The endpoint is a whole URL. */
    readonly otlp?: { readonly endpoint: string } | undefined;
  };
}

/** So many in a window that begins with the clock. */
export interface RateConfiguration {
  readonly limit: number;
  readonly windowMs: number;
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
  /** Members of groups: names of identities. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly approvers: ReadonlyMap<string, ApproverConfiguration>;
  readonly policy: readonly RuleConfiguration[];
  readonly audit: AuditConfiguration;
  /** Undefined: counts are kept in memory, and stops in a file alone. */
  readonly store: { /** An absolute path. */ readonly sqlite: string } | undefined;
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
    /** Envelopes of one identity that providers may refuse before none is shown to them any more. */
    readonly refusedLoads: RateConfiguration;
    /** Calls of one identity that may reach a provider; undefined: no bound of its own. */
    readonly providerCallsPerIdentity: RateConfiguration | undefined;
  };
}
