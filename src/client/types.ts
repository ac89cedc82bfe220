// What callers of the client library give and get.

import type { ResumedKeys, StopListing, StopTarget } from "./stop-types.ts";
import type { Reason } from "../errors/reason.ts";
import type { KeybrokerError } from "./error.ts";

/** String pairs that must be repeated to unwrap: at most 32, 4 KiB in all. They are not secret. */
export type Context = Readonly<Record<string, string>>;

/** PEM texts for a TCP address: TLS 1.3, where the client shows a certificate, a token (`tokenFile`) or both. */
export interface TlsOptions {
  /** Who may vouch for the daemon; the system's authorities when left out. */
  readonly ca?: Uint8Array | string;
  /** The client's certificate chain; left out together with `key` where a token says who it is. */
  readonly cert?: Uint8Array | string;
  /** The client's private key. */
  readonly key?: Uint8Array | string;
  /** The name to find in the daemon's certificate, where it is not the address's host. */
  readonly serverName?: string;
}

/** How to reach the daemon, and the client's bounds. */
export interface ClientOptions {
  /** `unix:PATH` or `host:port`. */
  readonly address?: string;
  /** Several daemons with the same keys: calls are spread over those that answer. */
  readonly addresses?: readonly string[];
  /** Needed for `host:port`. Read once: make a new client when the certificate is renewed. */
  readonly tls?: TlsOptions;
  /** A file with a bearer token, which goes with every call; read again within a second after it changed. */
  readonly tokenFile?: string;
  /** A call's whole life with its retries, in milliseconds; 15,000 when left out. */
  readonly timeoutMs?: number;
  /** How often a call is tried at most; 4 when left out. With several addresses each gives one try more. */
  readonly maxAttempts?: number;
  /** How long a call goes on trying, past maxAttempts, while no daemon can be reached; 2,000 when left out. */
  readonly unreachableMs?: number;
  /** Calls held at once, in flight or waiting; 10,000 when left out. One more fails with OVERLOADED. */
  readonly maxCalls?: number;
  /** Bytes of the requests held at once; 64 MiB when left out. */
  readonly maxBytes?: number;
  /** How long an address may take to accept a connection before the next is tried; 2,000 when left out. */
  readonly connectTimeoutMs?: number;
}

/** One call's own bounds. */
export interface CallOptions {
  /** In place of the client's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Ends the call: its promise rejects with the signal's reason, and a late answer is wiped. */
  readonly signal?: AbortSignal;
}

export interface WrapInput {
  readonly key: string;
  /** The data key, 1 to 65,536 bytes. The caller owns and wipes it, once the promise has settled. */
  readonly plaintext: Uint8Array;
  readonly context?: Context;
}

export interface WrapOutput {
  /** The envelope, in its binary form. */
  readonly envelope: Uint8Array;
}

export interface UnwrapInput {
  readonly envelope: Uint8Array;
  readonly context?: Context;
  /** When set, must be the envelope's key. Set it wherever you can. */
  readonly key?: string;
  /** A grant's signed document, where the policy asks for a grant and none is open. */
  readonly grant?: string;
}

export interface UnwrapOutput {
  /** The data key: a view of the bytes as received. The caller owns and wipes it with `fill(0)`. */
  readonly plaintext: Uint8Array;
  /** The key's present name. */
  readonly key: string;
  /** The envelope opens, but should be rewrapped. */
  readonly rewrapDue: boolean;
}

export interface GenerateDataKeyInput {
  readonly key: string;
  readonly context?: Context;
  /** Bytes, 16 to 64; 32 when left out. */
  readonly length?: number;
  /** Answer the envelope alone. */
  readonly withoutPlaintext?: boolean;
}

export interface GenerateDataKeyOutput {
  readonly envelope: Uint8Array;
  /** The data key, empty with `withoutPlaintext`. The caller owns and wipes it. */
  readonly plaintext: Uint8Array;
}

export interface RewrapInput {
  readonly envelope: Uint8Array;
  /** When set, must be the envelope's key. */
  readonly key?: string;
  /** As in UnwrapInput. */
  readonly grant?: string;
}

export interface RewrapOutput {
  /** The new envelope. Store it before the old one goes. */
  readonly envelope: Uint8Array;
}

export interface CheckInput {
  readonly envelope: Uint8Array;
  readonly context?: Context;
  /** When set, must be the envelope's key. */
  readonly key?: string;
  /** Ask every recipient's provider, past all caches. */
  readonly deep?: boolean;
}

export interface CheckOutput {
  /** `unwrap` would answer the data key. */
  readonly matches: boolean;
  /** Every recipient is one that the daemon's configuration lists. */
  readonly trusted: boolean;
  /** The master key's version that opened it; empty when none did. */
  readonly version: string;
  /** Why not, when `matches` is false. */
  readonly reason: Reason | undefined;
  readonly rewrapDue: boolean;
  /** With `deep`, one for each recipient. */
  readonly recipients: readonly RecipientCheck[];
}

export interface RecipientCheck {
  /** Empty when the daemon's configuration has no such recipient. */
  readonly provider: string;
  readonly masterKeyId: string;
  readonly matches: boolean;
  readonly version: string;
  readonly reason: Reason | undefined;
}

export interface InspectInput {
  readonly envelope: Uint8Array;
}

export interface InspectOutput {
  readonly realm: string;
  readonly key: string;
  readonly suite: number;
  readonly threshold: number;
  /** 16 bytes. */
  readonly branchId: Uint8Array;
  readonly recipients: readonly InspectedRecipient[];
  /** Bytes of the data key within. */
  readonly plaintextLength: number;
}

export interface InspectedRecipient {
  readonly provider: string;
  readonly providerKind: string;
  readonly scheme: number;
  readonly masterKeyId: string;
  readonly version: string;
}

/** What each operation takes and answers. */
export interface Operations {
  readonly wrap: { input: WrapInput; output: WrapOutput };
  readonly unwrap: { input: UnwrapInput; output: UnwrapOutput };
  readonly generateDataKey: { input: GenerateDataKeyInput; output: GenerateDataKeyOutput };
  readonly rewrap: { input: RewrapInput; output: RewrapOutput };
  readonly check: { input: CheckInput; output: CheckOutput };
  readonly inspect: { input: InspectInput; output: InspectOutput };
}

export type OperationName = keyof Operations;

/** One call of a batch. */
export type BatchCall = {
  [Name in OperationName]: { readonly operation: Name; readonly input: Operations[Name]["input"] };
}[OperationName];

/** One answer of a batch: an output, or why there is none. */
export type BatchResult =
  | {
      [Name in OperationName]: {
        readonly operation: Name;
        readonly output: Operations[Name]["output"];
        readonly error?: undefined;
      };
    }[OperationName]
  | { readonly operation: OperationName; readonly output?: undefined; readonly error: KeybrokerError };

/** A key, as `keybroker keys list` shows it. */
export interface KeyListing {
  readonly name: string;
  readonly formerNames: readonly string[];
  readonly recipients: readonly KeyRecipient[];
  /** Recipients that must open an envelope. */
  readonly threshold: number;
  /** When the branch key that seals now was made. */
  readonly branchKeyCreatedAt: Date | undefined;
  /** Envelopes it has sealed. */
  readonly branchKeyWraps: bigint;
  readonly wrapsVerified: boolean;
  /** Recipients it was wrapped for: fewer than the key wraps to when some could not be reached; 0 without one. */
  readonly branchKeyRecipients: number;
}

export interface KeyRecipient {
  readonly provider: string;
  readonly providerKind: string;
  /** Empty while the provider has not told it. */
  readonly masterKeyId: string;
  readonly unwrapOnly: boolean;
  /** Where the master key lives, in the backend's word; empty while it has not told it. */
  readonly protectionLevel: string;
  /** Whether a blob proves who wrapped it; undefined while the provider has not told it. */
  readonly authenticated?: boolean | undefined;
}

/** A master key of a key. What is left out must leave one that the key wraps to. */
export interface MasterKeyInput {
  readonly key: string;
  /** The provider's name in the configuration. */
  readonly provider?: string | undefined;
  readonly masterKeyId?: string | undefined;
}

/** A change to a master key. */
export interface MasterKeyChange extends MasterKeyInput {
  /** One change, however often it is asked for; drawn at random when left out. */
  readonly requestId?: string | undefined;
  /** Do everything but the change. */
  readonly validateOnly?: boolean | undefined;
}

/** What a version of a master key may do. */
export type MasterKeyVersionState = "primary" | "enabled" | "disabled";

export interface MasterKeyVersion {
  /** In the backend's words. */
  readonly version: string;
  /** Undefined where a newer daemon says what this client does not know. */
  readonly state: MasterKeyVersionState | undefined;
  readonly createdAt: Date | undefined;
}

/** The master key that was meant. */
interface MeantMasterKey {
  readonly provider: string;
  readonly masterKeyId: string;
}

export interface MasterKeyVersions extends MeantMasterKey {
  /** The newest last. */
  readonly versions: readonly MasterKeyVersion[];
}

export interface RotatedMasterKey extends MeantMasterKey {
  /** The new version; empty with validateOnly. */
  readonly version: string;
}

export interface ChangedMasterKeyVersion extends MeantMasterKey {
  readonly version: MasterKeyVersion;
}

/** What is asked for. */
export interface GrantInput {
  /** The identity that shall unwrap; the caller's own when left out. */
  readonly identity?: string;
  /** Exact names, `prefix/*`, or `*`. */
  readonly keys: readonly string[];
  /** Conditions on the context, as in the policy's `when`. */
  readonly conditions?: readonly string[];
  /** Why: 1 to 120 characters of plain ASCII. */
  readonly reason: string;
  /** Now when left out. */
  readonly startsAt?: Date;
  /** Milliseconds, in whole seconds. */
  readonly durationMs: number;
  /** Distinct envelopes. */
  readonly maxUnwraps: number;
  /** Who asks, where several persons share the caller's identity. */
  readonly requester?: string;
}

/** A grant as the daemon knows it. */
export interface GrantListing {
  readonly id: string;
  readonly realm: string;
  readonly identity: string;
  readonly keys: readonly string[];
  readonly conditions: readonly string[];
  readonly reason: string;
  readonly startsAt: Date | undefined;
  readonly endsAt: Date | undefined;
  readonly maxUnwraps: number;
  readonly requester: string;
  /** Approvers of the daemon's configuration whose signatures it has. */
  readonly approvers: readonly string[];
  /** Distinct envelopes that were charged to it. */
  readonly uses: number;
  readonly revokedAt: Date | undefined;
}

/** A grant's document, not yet signed. */
export interface GrantRequest {
  /** What approvers sign. */
  readonly document: string;
  readonly grant: GrantListing;
}

/** How a daemon is. */
export interface DaemonStatus {
  readonly version: string;
  readonly realm: string;
  readonly startedAt: Date | undefined;
  /** SHA-256 of the configuration in force, hex. */
  readonly configurationDigest: string;
  readonly configurationAt: Date | undefined;
  /** Why the last reload was refused; empty when it was not. */
  readonly reloadError: string;
  readonly providers: readonly ProviderStatus[];
  readonly warnings: readonly string[];
}

export interface ProviderStatus {
  readonly name: string;
  readonly kind: string;
  readonly reachable: boolean;
  /** Every master key that the configuration wraps to here was proven, and answers still. */
  readonly canWrap: boolean;
  /** Every master key that the configuration names here was found enabled by its last probe. */
  readonly canUnwrap: boolean;
  readonly lastCallAt: Date | undefined;
  readonly error: string;
}

/**
 * A client of keybroker daemons. Every call may reject with a KeybrokerError. Failures are tried again as the table
 * of reasons says, within the call's time; every operation may be repeated safely, but each try is charged to the
 * identity's quota. Calls made while others are under way share frames of a Session by themselves.
 */
export interface Client {
  wrap(input: WrapInput, options?: CallOptions): Promise<WrapOutput>;
  unwrap(input: UnwrapInput, options?: CallOptions): Promise<UnwrapOutput>;
  generateDataKey(input: GenerateDataKeyInput, options?: CallOptions): Promise<GenerateDataKeyOutput>;
  rewrap(input: RewrapInput, options?: CallOptions): Promise<RewrapOutput>;
  check(input: CheckInput, options?: CallOptions): Promise<CheckOutput>;
  inspect(input: InspectInput, options?: CallOptions): Promise<InspectOutput>;
  /** Up to 1,000 calls in one request of at most 4 MiB; answers in the calls' order. */
  batch(calls: readonly BatchCall[], options?: CallOptions): Promise<BatchResult[]>;
  /** All keys this identity may see. Needs a listener with `admin`. */
  listKeys(options?: CallOptions): Promise<KeyListing[]>;
  /** All versions of a master key. Needs a listener with `admin`, as the two below do. */
  listMasterKeyVersions(input: MasterKeyInput, options?: CallOptions): Promise<MasterKeyVersions>;
  /** Has the backend make a new version. A failure may leave open whether it did: list the versions, then ask anew. */
  rotateMasterKey(input: MasterKeyChange, options?: CallOptions): Promise<RotatedMasterKey>;
  setMasterKeyVersionState(
    input: MasterKeyChange & { readonly version: string; readonly state: MasterKeyVersionState },
    options?: CallOptions,
  ): Promise<ChangedMasterKeyVersion>;
  /** Makes the document of a grant, for approvers to sign. Needs a listener with `admin`, as the four below do. */
  requestGrant(input: GrantInput, options?: CallOptions): Promise<GrantRequest>;
  /** Puts on record who approved a document. */
  approveGrant(document: string, options?: CallOptions): Promise<GrantListing>;
  openGrant(
    input: { readonly document: string; readonly validateOnly?: boolean },
    options?: CallOptions,
  ): Promise<GrantListing>;
  listGrants(options?: CallOptions): Promise<readonly GrantListing[]>;
  /** True when it was not revoked before. */
  revokeGrant(id: string, options?: CallOptions): Promise<boolean>;
  /**
   * Refuses to open anything of a key, or of all, at once. True when other daemons learn of it now, false while the store
   * is away. Needs a listener with `admin`, as the two below do.
   */
  stopKeys(input: StopTarget & { readonly reason?: string }, options?: CallOptions): Promise<boolean>;
  /** Lifts the stop of a key, or that of all keys. */
  resumeKeys(input: StopTarget, options?: CallOptions): Promise<ResumedKeys>;
  listStops(options?: CallOptions): Promise<StopListing>;
  /** Needs a listener with `admin`. */
  status(options?: CallOptions): Promise<DaemonStatus>;
  /** Waits until one of the addresses accepts a connection; rejects with the transport's error when none does in time. */
  waitUntilReachable(timeoutMs: number): Promise<void>;
  /** Ends all connections. Calls under way reject with CANCELLED. May be called twice. */
  close(): void;
}
