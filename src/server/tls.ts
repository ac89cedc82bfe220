// The TLS side of a listener: 1.3 alone, both ends authenticated, no resumption.

import { constants, createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import type { Configuration, TcpListenerConfiguration } from "../config/configuration.ts";
import { accessFault, allocate, wipe } from "../secret/index.ts";
import { ListenError } from "./listen-error.ts";

/** A certificate with its key, and whom to believe: what a handshake needs. */
export interface Credentials {
  readonly cert: Buffer;
  /** PEM. Wiped by `withCredentials` once the context is made. */
  readonly key: Buffer;
  readonly ca: readonly Buffer[];
}

const maxKeyFileBytes = 64 * 1024;

/** What never changes with a certificate. */
export function fixedTlsOptions(handshakeTimeoutMs: number): TlsOptions {
  return {
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ["h2"],
    handshakeTimeout: handshakeTimeoutMs,
    // Nothing keeps a session here, and no ticket carries one: every connection shows its certificate.
    sessionTimeout: 1,
    sessionIdContext: randomBytes(16).toString("hex"),
  };
}

/** What a context is made of. Also for `setSecureContext`, at a reload. */
export function contextOptions({ cert, key, ca }: Credentials): SecureContextOptions {
  return {
    cert,
    key,
    // An empty list, as where tokens alone are shown, believes nobody; without one Node would believe the system's.
    ca: [...ca],
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * Reads a listener's files, proves that the certificate and key belong together and that a context can be made, lets
 * `use` work with them, and wipes the key. Throws ListenError naming the file.
 */
export function withCredentials<T>(
  listener: TcpListenerConfiguration,
  configuration: Configuration,
  use: (credentials: Credentials) => T,
): T {
  const cert = read(listener.tls.cert, `certificate of listener ${listener.name}`);
  const ca = authoritiesOf(listener, configuration);
  const key = readKey(listener.tls.key, listener.name);
  try {
    const credentials = { cert, key, ca };
    prove(listener, credentials);
    return use(credentials);
  } finally {
    wipe(key);
  }
}

/** The files that a listener's handshakes are made of: its certificate, its key, and whom its identities believe. */
export function tlsFilesOf({ name, tls }: TcpListenerConfiguration, configuration: Configuration): string[] {
  return [tls.cert, tls.key, ...authorityFilesOf(name, configuration)];
}

function authorityFilesOf(listener: string, { identities }: Configuration): string[] {
  const own = [...identities.values()].filter((one) => one.listener === listener);
  if (own.length === 0) throw new ListenError(`no identity names listener ${listener}: nobody could connect`);
  return [...new Set(own.map(({ ca }) => ca))].filter((file) => file !== undefined);
}

function authoritiesOf({ name }: TcpListenerConfiguration, configuration: Configuration): Buffer[] {
  return authorityFilesOf(name, configuration).map((file) => read(file, `authorities for listener ${name}`));
}

function prove(listener: TcpListenerConfiguration, credentials: Credentials): void {
  const { cert, key } = listener.tls;
  const attempt = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw new ListenError(`${cert} and ${key} make no TLS certificate and key: ${(error as Error).message}`);
    }
  };
  const certificate = attempt(() => new X509Certificate(credentials.cert));
  if (!attempt(() => certificate.checkPrivateKey(createPrivateKey(credentials.key)))) {
    throw new ListenError(`the key ${key} does not belong to the certificate ${cert}: rotate both`);
  }
  attempt(() => createSecureContext(contextOptions(credentials)));
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw unreadable(file, what, error);
  }
}

/** Reads a private key into a buffer of its own, which the caller wipes. */
function readKey(file: string, listener: string): Buffer {
  try {
    const descriptor = openSync(file, "r");
    try {
      const facts = fstatSync(descriptor);
      const fault = accessFault(facts, "secret");
      if (fault !== undefined) throw new Error(fault);
      const { size } = facts;
      if (size > maxKeyFileBytes) throw new Error(`it is over ${maxKeyFileBytes} bytes`);
      const key = allocate(size);
      for (let at = 0, got = 1; at < size && got > 0; at += got) got = readSync(descriptor, key, at, size - at, null);
      return key;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw unreadable(file, `key of listener ${listener}`, error);
  }
}

function unreadable(file: string, what: string, error: unknown): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new ListenError(`the ${what} cannot be used from ${file}: ${code ?? message}`);
}
