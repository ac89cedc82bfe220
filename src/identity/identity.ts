// Who is calling, as the authenticated channel alone says.

import type { X509Certificate } from "node:crypto";

/** An authenticated caller. */
export interface Identity {
  /** A name of the configuration: what policy rules and audit records speak of. */
  readonly name: string;
  /** What the conditions of rules compare: from the configuration, or from a token's claims. */
  readonly attributes: Readonly<Record<string, string>>;
  /**
   * The identity of the connection that a token came over, for tokens that only narrow: what is asked for must be
   * allowed to both.
   */
  readonly within?: Identity;
}

/** What a verified certificate says of its holder: SANs only, never the CN. */
export interface PeerCertificate {
  /** DER of the leaf. */
  readonly raw: Uint8Array;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** When it ends. */
  readonly validTo: Date;
  /** The leaf and, after it, each one's issuer as far as they came with it or TLS found them. */
  readonly chain: readonly X509Certificate[];
}

/** What a connection proves by itself. */
export interface Channel {
  readonly listener: string;
  /** Whether it proves anything: it is a unix socket, or came with a certificate. */
  readonly proves: boolean;
  /** Who that is now; undefined where it is nobody. */
  readonly identity: Identity | undefined;
}

/** A token as a call shows it, made by `bearerToken`: once for all the frames of a Session. */
export interface BearerToken {
  readonly text: string;
  /** SHA-256, base64; empty where the text cannot be a token. */
  readonly digest: string;
}

/** Finds who a connection is. Decided once per connection, judged again per call for expiry, revocation and reload. */
export interface Identities {
  /** The identity of everyone who can open this unix socket. */
  ofSocket(listener: string): Identity | undefined;
  /** The one identity of this listener that the certificate matches; undefined when none or two do. */
  ofCertificate(listener: string, certificate: PeerCertificate): Identity | undefined;
  /**
   * The one identity that a bearer token proves over this channel; undefined when it proves none or two, when it is not
   * in order, or when the channel names another. At once for a token that was verified before.
   */
  ofToken(channel: Channel, token: BearerToken): Identity | undefined | Promise<Identity | undefined>;
  /** Looks for changed files now, in place of within a second. */
  refresh(): Promise<void>;
  /** Ends the watch of its files; it still answers as they were. */
  close(): void;
}

/** What identities tell of themselves. */
export interface IdentityEvents {
  /** A file of authorities, revocation lists or keys changed, and is in force. */
  renewed(what: TrustFile, file: string): void;
  /** It changed and cannot be used: what was read before stays in force. */
  kept(what: TrustFile, file: string, error: Error): void;
  /** An issuer's keys could not be fetched; `usable` tells whether those fetched before still count. */
  unreachable(url: string, usable: boolean, error: Error): void;
  /** A token was refused. */
  tokenRefused(listener: string, why: TokenRefusal): void;
}

/** The files that identities are proven with. */
export type TrustFile = "authorities" | "revocations" | "keys";

/** Why a token was refused: for the log and a metric, never for its caller. */
export type TokenRefusal =
  /** Not a JSON Web Token in its compact, signed form, or too long. */
  | "form"
  /** No identity of the listener has its issuer, subject and audience. */
  | "unknown"
  /** The issuer's keys have not been fetched. */
  | "keys-unavailable"
  /** None of the issuer's keys is the one it names. */
  | "key"
  | "algorithm"
  | "signature"
  | "expired"
  /** It lives longer than the identity's tokens may. */
  | "lifetime"
  /** Another claim is missing or not as it should be. */
  | "claim"
  /** Two identities match. */
  | "several"
  /** The connection names another identity, or nobody, or somebody where the token should come alone. */
  | "channel";
