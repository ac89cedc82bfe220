// Reads the PEM files that the configuration names.

import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { accessFault, allocate, wipe, type FileUse } from "../secret/index.ts";

/** No PEM file is larger: a bundle of some hundred authorities has 200 KiB. */
const maxPemBytes = 1_048_576;

/** A file of certificates or keys that cannot be used. The message says why and holds nothing of what is in the file. */
export class PemError extends Error {
  override readonly name = "PemError";
}

/** The certificates of a PEM file, in its order; at least one. Throws PemError. */
export function readCertificates(file: string): X509Certificate[] {
  return withContent(file, (bytes) => {
    const blocks = bytes.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    if (blocks === null) throw new PemError(`${file} has no certificate in PEM form`);
    return blocks.map((block, index) => {
      try {
        return new X509Certificate(block);
      } catch {
        throw new PemError(`certificate ${index + 1} of ${file} is damaged`);
      }
    });
  });
}

/** The private key of a PEM file. Throws PemError. */
export function readPrivateKey(file: string): KeyObject {
  return withContent(
    file,
    (bytes) => {
      try {
        return createPrivateKey({ key: bytes, format: "pem" });
      } catch {
        // Both forms of encrypted keys (RFC 7468, RFC 1421) have this word in their header.
        const fault = bytes.includes("ENCRYPTED") ? "private key that is not encrypted" : "private key in PEM form";
        throw new PemError(`${file} has no ${fault}`);
      }
    },
    "secret",
  );
}

/**
 * Lets `use` see a file's bytes, in a buffer that is wiped afterwards: they may be a private key. Throws PemError, also
 * for a file that others may change, or read where it is a secret.
 */
export function withContent<T>(file: string, use: (bytes: Buffer) => T, is: FileUse = "decides"): T {
  return withFile(file, (descriptor) => {
    const room = allocate(Math.min(fstatSync(descriptor).size, maxPemBytes) + 1);
    try {
      let length = 0;
      for (;;) {
        const read = readSync(descriptor, room, length, room.length - length, null);
        length += read;
        if (length === room.length) throw new PemError(`${file} has more than 1 MiB or grows while it is read`);
        if (read === 0) break;
      }
      const made = use(room.subarray(0, length));
      requireAccess(descriptor, file, is);
      return made;
    } finally {
      wipe(room);
    }
  });
}

/** What a file is wrong in itself is said first: this is for one that would do. */
function requireAccess(descriptor: number, file: string, is: FileUse): void {
  const fault = accessFault(fstatSync(descriptor), is);
  if (fault !== undefined) throw new PemError(`${file} ${fault}`);
}

function withFile<T>(file: string, use: (descriptor: number) => T): T {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    return use(descriptor);
  } catch (error) {
    throw error instanceof PemError ? error : new PemError(`${file} ${fileWords(error)}`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** What went wrong with a file, to stand behind its name. */
export function fileWords(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  const words: Record<string, string> = {
    ENOENT: "is not there",
    EACCES: "may not be read by this user",
    EISDIR: "is a folder",
    ENOTDIR: "is not there: a part of its path is no folder",
  };
  return words[code] ?? `cannot be read (${code})`;
}
