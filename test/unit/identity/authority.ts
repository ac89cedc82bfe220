// Makes certificates for tests: authorities, intermediates and leaves with any names.

import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set("default", webcrypto);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
let serial = 1;

/** A certificate with its key, able to sign others if it is an authority. */
export interface TestCertificate {
  readonly pem: string;
  readonly keyPem: string;
  readonly node: X509Certificate;
  readonly made: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface Wanted {
  readonly commonName?: string;
  /** Names as @peculiar/x509 takes them. */
  readonly names?: x509.JsonGeneralNames;
  readonly from?: Date;
  readonly to?: Date;
  readonly authority?: boolean;
}

const day = 86_400_000;

/** Issues a certificate; without an issuer it signs itself. */
export async function issue(issuer: TestCertificate | undefined, wanted: Wanted = {}): Promise<TestCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const name = `CN=${wanted.commonName ?? `test ${serial}`}`;
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(wanted.authority ?? false, undefined, true)];
  if (wanted.names) extensions.push(new x509.SubjectAlternativeNameExtension(wanted.names));
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: (serial++).toString(16).padStart(4, "0"),
    subject: name,
    issuer: issuer?.made.subject ?? name,
    notBefore: wanted.from ?? new Date(Date.now() - day),
    notAfter: wanted.to ?? new Date(Date.now() + day),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: algorithm,
    extensions,
  });
  const pem = `${made.toString("pem")}\n`;
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const keyPem = x509.PemConverter.encode(key, "PRIVATE KEY");
  return { pem, keyPem, node: new X509Certificate(pem), made, keys };
}

/** An authority that signs itself. */
export function authority(commonName: string): Promise<TestCertificate> {
  return issue(undefined, { commonName, authority: true });
}
