// Finds identities: by the socket that was opened, or by the names of a certificate and the authority behind it.

import type { X509Certificate } from "node:crypto";
import { readCertificates, type Configuration, type IdentityConfiguration } from "../config/index.ts";
import { vouchedUntil } from "./authorities.ts";
import type { Identities, Identity, PeerCertificate } from "./identity.ts";

/** An identity of a listener with TLS. */
interface Candidate {
  readonly identity: Identity;
  readonly spiffe: string | undefined;
  readonly dns: string | undefined;
  readonly authorities: readonly X509Certificate[];
}

/** What was found for a certificate at a listener. */
interface Verdict {
  readonly listener: string;
  readonly identity: Identity | undefined;
  readonly untilMs: number;
}

/**
 * The identities of a configuration. Reads their authorities' files: throws PemError, naming the file, when one cannot
 * be used. `clock` answers milliseconds since 1970.
 */
export function createIdentities(configuration: Configuration, clock: () => number = Date.now): Identities {
  const sockets = socketIdentities(configuration);
  const candidates = new Map<string, Candidate[]>();
  for (const entry of configuration.identities.values()) {
    candidates.set(entry.listener, [...(candidates.get(entry.listener) ?? []), candidateOf(entry)]);
  }
  // Signatures are verified once per connection and configuration; each call then costs a look at the clock.
  const verdicts = new WeakMap<PeerCertificate, Verdict>();
  return {
    ofSocket: (listener) => sockets.get(listener),
    ofCertificate(listener, certificate) {
      const nowMs = clock();
      if (nowMs >= certificate.validTo.getTime()) return undefined;
      const known = verdicts.get(certificate);
      if (known?.listener === listener && nowMs < known.untilMs) return known.identity;
      const verdict = judge(listener, certificate, candidates.get(listener) ?? [], nowMs);
      verdicts.set(certificate, verdict);
      return verdict.identity;
    },
  };
}

function socketIdentities({ listeners }: Configuration): ReadonlyMap<string, Identity> {
  const named = [...listeners.values()].filter((listener) => "unix" in listener);
  return new Map(named.map(({ name, identity }) => [name, Object.freeze({ name: identity })]));
}

function candidateOf({ name, spiffe, dns, ca }: IdentityConfiguration): Candidate {
  return { identity: Object.freeze({ name }), spiffe, dns, authorities: readCertificates(ca) };
}

/** Nobody's verdict is kept for a minute only: a certificate that is not valid yet may become so. */
const nobodyMs = 60_000;

function judge(
  listener: string,
  certificate: PeerCertificate,
  candidates: readonly Candidate[],
  nowMs: number,
): Verdict {
  const found = candidates
    .filter((candidate) => isNamed(candidate, certificate))
    .map(({ identity, authorities }) => ({ identity, untilMs: vouchedUntil(certificate.chain, authorities, nowMs) }))
    .filter(({ untilMs }) => untilMs !== undefined);
  const [only, second] = found;
  if (only === undefined || second !== undefined) return { listener, identity: undefined, untilMs: nowMs + nobodyMs };
  return { listener, identity: only.identity, untilMs: only.untilMs! };
}

/**
 * SPIFFE ids are compared as they stand, and a certificate with several URIs has none
 * (https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, section 5.2). DNS names are compared without
 * regard to case; a wildcard is a name like any other and so never matches one.
 */
function isNamed({ spiffe, dns }: Candidate, { uris, dnsNames }: PeerCertificate): boolean {
  if (spiffe !== undefined) return uris.length === 1 && uris[0] === spiffe;
  return dns !== undefined && dnsNames.some((name) => name.toLowerCase() === dns);
}
