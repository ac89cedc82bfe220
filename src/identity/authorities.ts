// Finds the authority that stands behind a certificate, among those that one identity accepts.

import type { X509Certificate } from "node:crypto";

/**
 * Until when a chain leads from its first certificate to one of the authorities, in milliseconds since 1970: the
 * earliest end on the way. Undefined when it does not lead there now.
 *
 * TLS has verified the chain, but against the authorities of all identities of the listener together; this says which
 * of them vouches. Signatures, names, the right to sign and the dates are looked at again; name constraints and path
 * lengths are TLS's alone.
 */
export function vouchedUntil(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  nowMs: number,
): number | undefined {
  let untilMs = Infinity;
  for (const [index, certificate] of chain.entries()) {
    if (!isValidAt(certificate, nowMs)) return undefined;
    untilMs = Math.min(untilMs, certificate.validToDate.getTime());
    const anchor = authorities.find((authority) => isValidAt(authority, nowMs) && isIssuedBy(certificate, authority));
    if (anchor !== undefined) return Math.min(untilMs, anchor.validToDate.getTime());
    const next = chain[index + 1];
    if (next === undefined || !isIssuedBy(certificate, next)) return undefined;
  }
  return undefined;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt(certificate: X509Certificate, nowMs: number): boolean {
  return certificate.validFromDate.getTime() <= nowMs && nowMs < certificate.validToDate.getTime();
}
