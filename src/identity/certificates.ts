// Finds identities by the names of a certificate and the authority behind it.

import type { IdentityConfiguration } from "../config/index.ts";
import { vouchedUntil, type Trust } from "./authorities.ts";
import type { Identity, PeerCertificate } from "./identity.ts";

/** An identity that shows a certificate. */
export interface CertificateIdentity {
  readonly identity: Identity;
  readonly configuration: IdentityConfiguration;
  /** Whom it believes now: its files may change. */
  trust(): Trust;
}

/** What was found for a certificate at a listener. */
interface Verdict {
  readonly listener: string;
  readonly identity: Identity | undefined;
  readonly untilMs: number;
  readonly generation: number;
}

/** Finds them. */
export interface Certificates {
  find(listener: string, certificate: PeerCertificate): Identity | undefined;
  /** Forgets every verdict: files changed. */
  forget(): void;
}

/** `clock` answers milliseconds since 1970. */
export function createCertificates(all: readonly CertificateIdentity[], clock: () => number): Certificates {
  const candidates = Map.groupBy(all, ({ configuration }) => configuration.listener);
  // Signatures are verified once per connection and configuration; each call then costs a look at the clock.
  const verdicts = new WeakMap<PeerCertificate, Verdict>();
  let generation = 0;
  return {
    find(listener, certificate) {
      const nowMs = clock();
      if (nowMs >= certificate.validTo.getTime()) return undefined;
      const known = verdicts.get(certificate);
      if (known?.listener === listener && known.generation === generation && nowMs < known.untilMs)
        return known.identity;
      const found = judge(certificate, candidates.get(listener) ?? [], nowMs);
      verdicts.set(certificate, { listener, generation, ...found });
      return found.identity;
    },
    forget: () => void generation++,
  };
}

/** Nobody's verdict is kept for a minute only: a certificate that is not valid yet may become so. */
const nobodyMs = 60_000;

function judge(
  certificate: PeerCertificate,
  candidates: readonly CertificateIdentity[],
  nowMs: number,
): Pick<Verdict, "identity" | "untilMs"> {
  const found = candidates
    .filter(({ configuration }) => isNamed(configuration, certificate))
    .map((one) => ({ identity: one.identity, untilMs: vouchedUntil(certificate.chain, one.trust(), nowMs) }))
    .filter(({ untilMs }) => untilMs !== undefined);
  const [only, second] = found;
  if (only === undefined || second !== undefined) return { identity: undefined, untilMs: nowMs + nobodyMs };
  return { identity: only.identity, untilMs: only.untilMs! };
}

/**
 * SPIFFE ids are compared as they stand, and a certificate with several URIs has none
 * (https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, section 5.2). DNS names are compared without
 * regard to case; a wildcard is a name like any other and so never matches one.
 */
function isNamed({ spiffe, dns }: IdentityConfiguration, { uris, dnsNames }: PeerCertificate): boolean {
  if (spiffe !== undefined) return uris.length === 1 && uris[0] === spiffe;
  return dns !== undefined && dnsNames.some((name) => name.toLowerCase() === dns);
}
