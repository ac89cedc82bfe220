// Finds the daemon, calls it, and says how to start it when it is not there.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Client, TlsOptions } from "../client/index.ts";
import { CliError, usage } from "./failure.ts";
import type { ConnectionSettings } from "./flags.ts";
import { unreadable } from "./input.ts";
import { wipe } from "../secret/index.ts";

const keyHint = " (KEYBROKER_KEY is the TLS key's file; a key's name goes into KEYBROKER_KEY_NAME)";

/** People and password hooks want to hear soon that there is no daemon; --wait is for those who would rather wait. */
const unreachableMs = 250;

/** Calls the daemon and closes the connection, whatever happens. */
export async function withClient<Answer>(
  settings: ConnectionSettings,
  work: (client: Client) => Promise<Answer>,
): Promise<Answer> {
  const addresses = addressesOf(settings);
  const client = await open(settings, addresses);
  try {
    if (settings.wait !== undefined) await client.waitUntilReachable(settings.wait);
    return await work(client);
  } catch (error) {
    throw isUnreachable(error) ? unreachable(addresses, error) : error;
  } finally {
    client.close();
  }
}

/** The addresses to ask, in the user's words. */
function addressesOf({ address, stateDir }: ConnectionSettings): string[] {
  return address === undefined ? [`unix:${resolve(stateDir, "keybroker.sock")}`] : address.split(",");
}

async function open(settings: ConnectionSettings, addresses: string[]): Promise<Client> {
  const tcp = addresses.some((address) => !address.startsWith("unix:"));
  const tls = tcp ? await readTls(settings) : undefined;
  // Loaded late: help, completion and wrong usage answer without it.
  const { createClient } = await import("../client/index.ts");
  try {
    const { tokenFile } = settings;
    const credentials = { ...(tls ? { tls } : {}), ...(tokenFile === undefined ? {} : { tokenFile }) };
    return createClient({ addresses, timeoutMs: settings.timeout, unreachableMs, ...credentials });
  } catch (error) {
    throw usage((error as Error).message);
  } finally {
    if (tls?.key instanceof Uint8Array) wipe(tls.key);
  }
}

async function readTls({ ca, cert, tlsKey, tokenFile }: ConnectionSettings): Promise<TlsOptions> {
  const tokenAlone = tokenFile !== undefined && cert === undefined && tlsKey === undefined;
  if (!tokenAlone && (cert === undefined || tlsKey === undefined))
    throw usage(
      "host:port needs --cert and --tls-key (KEYBROKER_CERT, KEYBROKER_KEY) or --token-file, and --ca for an authority of your own",
    );
  const pem = async (file: string, hint = ""): Promise<Buffer> => {
    try {
      return await readFile(file);
    } catch (error) {
      const failure = unreadable(file, error);
      throw new CliError(failure.exit, failure.message + hint, error);
    }
  };
  return {
    ...(ca === undefined ? {} : { ca: await pem(ca) }),
    ...(cert === undefined ? {} : { cert: await pem(cert) }),
    ...(tlsKey === undefined ? {} : { key: await pem(tlsKey, keyHint) }),
  };
}

/** The transport failed, as against a daemon's answer. */
function isUnreachable(error: unknown): boolean {
  const { name, reason, status } = error as { name?: string; reason?: unknown; status?: string };
  return name === "KeybrokerError" && reason === undefined && status === "UNAVAILABLE";
}

function unreachable(addresses: readonly string[], cause: unknown): CliError {
  const sockets = addresses.map((address) => address.replace(/^unix:/, ""));
  const absent = addresses.every((address, index) => address.startsWith("unix:") && !existsSync(sockets[index]!));
  const detail = absent ? "there is no socket" : (cause as Error).message;
  const places = addresses.join(", ");
  const advice = "start it with `keybroker serve`, or name another place with --address or KEYBROKER_ADDRESS";
  return new CliError(6, `cannot reach the daemon at ${places} (${detail}): ${advice}`, cause);
}
