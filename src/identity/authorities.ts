// Finds the authority that stands behind a certificate, among those that one identity accepts.

import type { X509Certificate } from "node:crypto";
import type { RevocationList } from "../config/index.ts";

/** Whom an identity believes. */
export interface Trust {
  readonly authorities: readonly X509Certificate[];
  /** Undefined where revocation is not looked at. */
  readonly revocations: readonly RevocationList[] | undefined;
}

/**
 * Until when a chain leads from its first certificate to one of the authorities, in milliseconds since 1970: the
 * earliest end on the way. Undefined when it does not lead there now.
 *
 * TLS has verified the chain, but against the authorities of all identities of the listener together; this says which
 * of them vouches. Signatures, names, the right to sign and the dates are looked at again; name constraints and path
 * lengths are TLS's alone. With revocation lists each issuer on the way needs one that is in date (as with OpenSSL's
 * X509_V_FLAG_CRL_CHECK_ALL), and none of them may have the certificate in it.
 */
export function vouchedUntil(
  chain: readonly X509Certificate[],
  { authorities, revocations }: Trust,
  nowMs: number,
): number | undefined {
  let untilMs = Infinity;
  for (const [index, certificate] of chain.entries()) {
    if (!isValidAt(certificate, nowMs)) return undefined;
    const anchor = authorities.find((authority) => isValidAt(authority, nowMs) && isIssuedBy(certificate, authority));
    const issuer = anchor ?? chain[index + 1];
    if (issuer === undefined || (anchor === undefined && !isIssuedBy(certificate, issuer))) return undefined;
    const notRevokedUntilMs =
      revocations === undefined ? Infinity : notRevokedUntil(certificate, issuer, revocations, nowMs);
    if (notRevokedUntilMs === undefined) return undefined;
    untilMs = Math.min(untilMs, certificate.validToDate.getTime(), notRevokedUntilMs);
    if (anchor !== undefined) return Math.min(untilMs, anchor.validToDate.getTime());
  }
  return undefined;
}

/** Until when the issuer's lists say that a certificate is not revoked; a list past its date still revokes. */
function notRevokedUntil(
  certificate: X509Certificate,
  issuer: X509Certificate,
  lists: readonly RevocationList[],
  nowMs: number,
): number | undefined {
  const own = lists.filter((list) => list.isOf(issuer));
  if (own.some((list) => list.revokes(certificate))) return undefined;
  const ends = own
    .filter(({ thisUpdate }) => thisUpdate.getTime() <= nowMs)
    .map(({ nextUpdate }) => nextUpdate?.getTime() ?? Infinity)
    .filter((endMs) => nowMs < endMs);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt(certificate: X509Certificate, nowMs: number): boolean {
  return certificate.validFromDate.getTime() <= nowMs && nowMs < certificate.validToDate.getTime();
}
