// Who is calling, as the authenticated channel alone says.

import type { X509Certificate } from "node:crypto";

/** An authenticated caller. */
export interface Identity {
  /** A name of the configuration: what policy rules and audit records speak of. */
  readonly name: string;
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

/** Finds who a connection is. Decided once per connection, judged again per call for expiry and reload. */
export interface Identities {
  /** The identity of everyone who can open this unix socket. */
  ofSocket(listener: string): Identity | undefined;
  /** The one identity of this listener that the certificate matches; undefined when none or two do. */
  ofCertificate(listener: string, certificate: PeerCertificate): Identity | undefined;
}
