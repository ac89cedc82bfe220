// A grpc-js channel to one address, with this library as the only layer that retries.

import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext } from "node:tls";
import { Client, credentials, type ChannelCredentials, type ClientOptions, type VerifyOptions } from "@grpc/grpc-js";
import type { Address } from "./address.ts";
import type { TlsOptions } from "./types.ts";

const maxMessageBytes = 4 * 1024 * 1024;

/**
 * Opens a channel; nothing is connected yet. Throws a TypeError where TLS is needed and not given, or not usable.
 * `token` tells whether calls show one, in place of a certificate.
 */
export function openChannel(address: Address, tls: TlsOptions | undefined, token: boolean): Client {
  return new Client(address.target, credentialsOf(address, tls, token), {
    ...options,
    ...(tls && address.host !== undefined ? serverNameOf(tls.serverName ?? address.host) : {}),
    // Over a unix socket the default authority is the path, which HTTP/2 servers may refuse.
    ...(address.socketPath === undefined ? {} : { "grpc.default_authority": "localhost" }),
  });
}

/**
 * TLS has no server name for an IP address (RFC 6066, section 3) and Node refuses one, but grpc-js would give it: a name
 * of nobody's goes over the wire instead, and `verifying` looks for the address in the certificate.
 */
function serverNameOf(name: string): ClientOptions {
  return { "grpc.ssl_target_name_override": isIP(name) === 0 ? name : "address.invalid" };
}

/** Looks for an IP address itself in the certificate, whatever name grpc-js asks with. */
function verifying(name: string): VerifyOptions {
  return isIP(name) === 0
    ? {}
    : { checkServerIdentity: (_name, certificate) => checkServerIdentity(name, certificate) };
}

const options: ClientOptions = {
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  // A proxy from the environment would be one more party between a caller and its keys.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // Clients of one process do not share connections: they may differ in identity and are closed on their own.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 500,
  // A peer that vanished without a word is noticed while calls wait for it.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

function credentialsOf(address: Address, tls: TlsOptions | undefined, token: boolean): ChannelCredentials {
  if (address.host === undefined) return credentials.createInsecure();
  if (!tls) throw new TypeError(`${address.text}: TCP needs TLS: give a certificate, its key and the authority`);
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new TypeError(`${address.text}: a certificate and its key go together: give both or neither`);
  }
  if (tls.cert === undefined && !token) {
    throw new TypeError(`${address.text}: nothing says who calls: give a certificate and its key, or a token file`);
  }
  return credentials.createFromSecureContext(secureContext(address, tls), verifying(tls.serverName ?? address.host));
}

function secureContext(address: Address, tls: TlsOptions): ReturnType<typeof createSecureContext> {
  try {
    const pem = { ca: textOf(tls.ca), cert: textOf(tls.cert), key: textOf(tls.key) };
    return createSecureContext({ ...pem, minVersion: "TLSv1.3" });
  } catch (error) {
    // OpenSSL's text names what it could not read, never its content.
    const message = `${address.text}: the certificate, key or authority cannot be used: ${(error as Error).message}`;
    throw new TypeError(message, { cause: error });
  }
}

/** createSecureContext takes Buffers alone, not any Uint8Array. */
function textOf(pem: Uint8Array | string | undefined): Buffer | string | undefined {
  return pem instanceof Uint8Array ? Buffer.from(pem.buffer, pem.byteOffset, pem.length) : pem;
}
