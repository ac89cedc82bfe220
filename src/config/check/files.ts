// Checks of the files that the configuration names: that they are there, readable, and what they should be.

import type { Parts } from "../build.ts";
import type { TcpListenerConfiguration } from "../configuration.ts";
import { PemError, readCertificates, readPrivateKey } from "../pem.ts";
import type { Path } from "../problem.ts";
import type { Faults } from "./faults.ts";

/** All checks of files. */
export function checkFiles({ listeners, identities }: Parts, faults: Faults): void {
  for (const listener of listeners.values()) if ("tcp" in listener) checkServer(listener, faults);
  for (const { name, ca } of identities.values()) {
    const path = ["identities", name, "ca"];
    guarded(path, faults, () => checkAuthorities(path, ca, faults));
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

function guarded<T>(path: Path, { errors }: Faults, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    errors.push({ path, message: error.message });
    return undefined;
  }
}
