// What a certificate that a caller showed says of its holder.

import type { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "./identity.ts";
import { alternativeNames } from "./subject-alternative-names.ts";

/** OpenSSL's own bound is 100; no chain in use has more than a few. */
const maxChain = 10;

/**
 * What counts of a leaf certificate that TLS has verified, as `TLSSocket.getPeerX509Certificate()` answers it: the
 * issuers are those that came with it or that TLS found.
 */
export function peerCertificateOf(leaf: X509Certificate): PeerCertificate {
  const chain = [leaf];
  for (let issuer = leaf.issuerCertificate; issuer !== undefined; issuer = issuer.issuerCertificate) {
    if (chain.length === maxChain || chain.at(-1)!.fingerprint512 === issuer.fingerprint512) break;
    chain.push(issuer);
  }
  const { uris, dnsNames } = alternativeNames(leaf.subjectAltName);
  return { raw: leaf.raw, uris, dnsNames, validTo: leaf.validToDate, chain };
}
