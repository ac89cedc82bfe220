// The files that certificates are judged by: read once for all identities that name them, and again when they changed.

import type { X509Certificate } from "node:crypto";
import { readCertificates, readRevocationLists, type Configuration, type RevocationList } from "../config/index.ts";
import type { Trust } from "./authorities.ts";
import type { TrustFile } from "./identity.ts";

/** They are. */
export interface TrustFiles {
  /** Whom an identity believes now. */
  of(ca: string, crl: string | undefined): Trust;
  /** Reads one of them again. Rejects with PemError, and keeps what it has. Undefined where it is none of them. */
  reread(file: string): Promise<TrustFile | undefined>;
}

/** Reads all of them. Rejects with PemError. */
export async function readTrustFiles({ identities }: Configuration): Promise<TrustFiles> {
  const authorities = new Map<string, readonly X509Certificate[]>();
  const revocations = new Map<string, readonly RevocationList[]>();
  for (const { ca, crl } of identities.values()) {
    if (ca !== undefined && !authorities.has(ca)) authorities.set(ca, readCertificates(ca));
    if (crl !== undefined && !revocations.has(crl)) revocations.set(crl, await readRevocationLists(crl));
  }
  return {
    of: (ca, crl) => ({
      authorities: authorities.get(ca) ?? [],
      revocations: crl === undefined ? undefined : revocations.get(crl),
    }),
    async reread(file) {
      if (authorities.has(file)) authorities.set(file, readCertificates(file));
      else if (revocations.has(file)) revocations.set(file, await readRevocationLists(file));
      else return undefined;
      return authorities.has(file) ? "authorities" : "revocations";
    },
  };
}
