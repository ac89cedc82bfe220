// Reads certificate revocation lists, RFC 5280, section 5.

import { verify, type X509Certificate } from "node:crypto";
import type { CertificateList, Extension } from "@peculiar/asn1-x509";
import { PemError, withContent } from "./pem.ts";

/** A complete list of one authority. */
export interface RevocationList {
  readonly thisUpdate: Date;
  /** The list counts until then; undefined where it does not say. */
  readonly nextUpdate: Date | undefined;
  /** Whether this authority signed it. */
  isOf(authority: X509Certificate): boolean;
  /** Whether it has the certificate's serial number. */
  revokes(certificate: X509Certificate): boolean;
}

/** OpenSSL's and Node's digests by the OIDs of RFC 4055, RFC 5758 and RFC 8410; null where the key says it. */
const digests: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
  "1.3.101.113": null,
};

/** The lists of a file, PEM or DER; at least one. Loads its library at the first call. Rejects with PemError. */
export async function readRevocationLists(file: string): Promise<RevocationList[]> {
  const [{ AsnConvert }, { CertificateList }] = await Promise.all([
    import("@peculiar/asn1-schema"),
    import("@peculiar/asn1-x509"),
  ]);
  const encoded = withContent(file, derOf);
  if (encoded.length === 0) throw new PemError(`${file} has no revocation list in PEM or DER form`);
  return encoded.map((der, index) => {
    const which = `revocation list ${index + 1} of ${file}`;
    let list: CertificateList;
    try {
      list = AsnConvert.parse(der, CertificateList);
    } catch {
      throw new PemError(`${which} is damaged`);
    }
    return revocationList(list, which);
  });
}

function derOf(bytes: Buffer): Uint8Array<ArrayBuffer>[] {
  const sequence = 0x30;
  if (bytes[0] === sequence) return [Uint8Array.from(bytes)];
  const blocks = bytes.toString("latin1").matchAll(/-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g);
  return [...blocks].map(([, base64]) => Uint8Array.from(Buffer.from(base64!, "base64")));
}

function revocationList(list: CertificateList, which: string): RevocationList {
  const { thisUpdate, nextUpdate, revokedCertificates = [], crlExtensions } = list.tbsCertList;
  const digest = digests[list.signatureAlgorithm.algorithm];
  const signed = list.tbsCertListRaw;
  if (digest === undefined || signed === undefined)
    throw new PemError(`${which} is signed with an algorithm that is not known`);
  // Delta lists, and those of a part of an authority's certificates, say so in critical extensions.
  if ([crlExtensions, ...revokedCertificates.map((one) => one.crlEntryExtensions)].some(hasCritical)) {
    throw new PemError(`${which} is not a plain, complete list: it has a critical extension`);
  }
  const serials = new Set(
    revokedCertificates.map(({ userCertificate }) => serialOf(Buffer.from(userCertificate).toString("hex"))),
  );
  const [bytes, signature] = [Buffer.from(signed), Buffer.from(list.signature)];
  return {
    thisUpdate: thisUpdate.getTime(),
    nextUpdate: nextUpdate?.getTime(),
    isOf: (authority) => isSignedBy(authority, digest, bytes, signature),
    revokes: ({ serialNumber }) => serials.has(serialOf(serialNumber)),
  };
}

function hasCritical(extensions: readonly Extension[] | undefined): boolean {
  return extensions?.some(({ critical }) => critical) ?? false;
}

function isSignedBy({ publicKey }: X509Certificate, digest: string | null, bytes: Buffer, signature: Buffer): boolean {
  try {
    return verify(digest, bytes, publicKey, signature);
  } catch {
    // A key of another kind.
    return false;
  }
}

/** DER has a leading zero byte where the first bit is set; OpenSSL's text has not. */
function serialOf(hex: string): string {
  return hex.toLowerCase().replace(/^0+/, "");
}
