// Checks of the files that the configuration names: that they are there, readable, and what they should be.

import type { Parts } from "../build.ts";
import type { IdentityConfiguration, TcpListenerConfiguration } from "../configuration.ts";
import { readKeySet } from "../key-set.ts";
import { PemError, readCertificates, readPrivateKey } from "../pem.ts";
import type { Path } from "../problem.ts";
import { readRevocationLists } from "../revocation-lists.ts";
import type { Faults } from "./faults.ts";

/** All checks of files. */
export async function checkFiles({ listeners, identities }: Parts, faults: Faults): Promise<void> {
  for (const listener of listeners.values()) if ("tcp" in listener) checkServer(listener, faults);
  for (const identity of identities.values()) await checkIdentity(identity, faults);
}

async function checkIdentity({ name, ca, crl, token }: IdentityConfiguration, faults: Faults): Promise<void> {
  const path: Path = ["identities", name];
  if (ca !== undefined) guarded([...path, "ca"], faults, () => checkAuthorities([...path, "ca"], ca, faults));
  if (crl !== undefined)
    await guardedLater([...path, "crl"], faults, () => checkRevocations([...path, "crl"], crl, faults));
  if (token === undefined) return;
  const { keys } = token;
  if ("file" in keys) guarded([...path, "jwt", "jwks"], faults, () => readKeySet(keys.file));
  else if (keys.ca !== undefined) guarded([...path, "jwt", "jwksCa"], faults, () => readCertificates(keys.ca!));
}

async function checkRevocations(path: Path, file: string, faults: Faults): Promise<void> {
  for (const { nextUpdate } of await readRevocationLists(file)) {
    if (nextUpdate === undefined || nextUpdate >= new Date()) continue;
    const message = `a list of ${file} ended on ${nextUpdate.toISOString()}: the certificates of its authority are refused`;
    faults.warnings.push({ path, message });
  }
}

function checkServer({ name, tls }: TcpListenerConfiguration, faults: Faults): void {
  const certPath: Path = ["listeners", name, "tls", "cert"];
  const keyPath: Path = ["listeners", name, "tls", "key"];
  const leaf = guarded(certPath, faults, () => readCertificates(tls.cert)[0]!);
  if (leaf !== undefined && leaf.validToDate < new Date()) {
    faults.warnings.push({ path: certPath, message: `the certificate ended on ${leaf.validToDate.toISOString()}` });
  }
  guarded(keyPath, faults, () => {
    const key = readPrivateKey(tls.key);
    if (leaf?.checkPrivateKey(key) === false) {
      faults.errors.push({ path: keyPath, message: `${tls.key} is not the private key of ${tls.cert}` });
    }
  });
}

function checkAuthorities(path: Path, file: string, faults: Faults): void {
  readCertificates(file).forEach((certificate, index) => {
    const which = `certificate ${index + 1} of ${file}`;
    if (!certificate.ca)
      faults.errors.push({ path, message: `${which} is no authority: it may not sign certificates` });
    if (certificate.validToDate >= new Date()) return;
    faults.warnings.push({ path, message: `${which} ended on ${certificate.validToDate.toISOString()}` });
  });
}

function guarded<T>(path: Path, faults: Faults, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    return refuse(path, faults, error);
  }
}

async function guardedLater(path: Path, faults: Faults, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => refuse(path, faults, error));
}

function refuse(path: Path, { errors }: Faults, error: unknown): undefined {
  if (!(error instanceof PemError)) throw error;
  errors.push({ path, message: error.message });
}
