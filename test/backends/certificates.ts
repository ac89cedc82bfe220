// A certificate authority for tests, and certificates with the subject alternative names that are asked for.

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as never);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;

/** A subject alternative name. */
type Name = { readonly type: "dns" | "url" | "ip"; readonly value: string };

/** PEM files of a certificate. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

interface IssueOptions {
  readonly commonName?: string;
  /** Days from now; the beginning is a day before now. */
  readonly days?: number;
}

/** A certificate authority that writes its files into one folder. */
export interface Authority {
  /** The file with its certificate. */
  readonly ca: string;
  issue(fileName: string, names: readonly Name[], options?: IssueOptions): Promise<CertificateFiles>;
  /** Writes a revocation list with these certificates in it, and answers its file. */
  revoke(fileName: string, certificates: readonly string[]): Promise<string>;
}

let serial = 1;

const keyPair = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

async function writeKey(path: string, key: webcrypto.CryptoKey): Promise<void> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  writeFileSync(path, x509.PemConverter.encode(pkcs8, "PRIVATE KEY"), { mode: 0o600 });
}

/** Makes an authority. */
export async function createAuthority(folder: string, name: string): Promise<Authority> {
  const keys = await keyPair();
  const notBefore = new Date(Date.now() - dayMs);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `${serial++}`.padStart(2, "0"),
    name: `CN=${name}`,
    notBefore,
    notAfter: new Date(Date.now() + 30 * dayMs),
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  const ca = join(folder, `${name}.pem`);
  writeFileSync(ca, root.toString("pem"));
  return {
    ca,
    async issue(fileName, names, { commonName = fileName, days = 10 } = {}) {
      const own = await keyPair();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: `${serial++}`.padStart(2, "0"),
        subject: `CN=${commonName}`,
        issuer: root.subject,
        notBefore,
        notAfter: new Date(Date.now() + days * dayMs),
        signingKey: keys.privateKey as never,
        publicKey: own.publicKey as never,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.SubjectAlternativeNameExtension([...names]),
          new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
        ],
      });
      const files = { cert: join(folder, `${fileName}.crt`), key: join(folder, `${fileName}.key`) };
      writeFileSync(files.cert, certificate.toString("pem"));
      await writeKey(files.key, own.privateKey);
      return files;
    },
    async revoke(fileName, certificates) {
      const list = await x509.X509CrlGenerator.create({
        issuer: root.subject,
        thisUpdate: notBefore,
        nextUpdate: new Date(Date.now() + dayMs),
        signingAlgorithm: algorithm,
        signingKey: keys.privateKey as never,
        entries: certificates.map((file) => {
          const { serialNumber } = new x509.X509Certificate(readFileSync(file, "utf8"));
          return { serialNumber, revocationDate: new Date() };
        }),
      });
      const path = join(folder, `${fileName}.pem`);
      // RFC 7468, section 7, has another label than the library.
      writeFileSync(path, x509.PemConverter.encode(list.rawData, "X509 CRL"));
      return path;
    },
  };
}
