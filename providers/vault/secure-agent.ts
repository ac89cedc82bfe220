// TLS by files: the agent is made anew when the authorities, the certificate or its key have changed.

import { readFileSync, statSync } from "node:fs";
import { Agent } from "node:https";
import { createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import { BrokerError } from "../../src/errors/index.ts";
import { secretStamp } from "../../src/provider/index.ts";
import type { SecretSource } from "../../src/provider/index.ts";
import { wipe } from "../../src/secret/index.ts";
import { agentOptions } from "./transport.ts";

/** Where the PEM texts are. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: SecretSource | undefined;
}

/**
 * Answers the agent for these files as they are now. No variable of the environment turns verification off. Throws
 * PROVIDER_UNAVAILABLE, naming the file, while one cannot be read: it may be about to be replaced.
 */
export function createSecureAgent(files: TlsFiles): () => Agent {
  let made: { readonly stamp: string; readonly agent: Agent } | undefined;
  return () => {
    const stamp = attempt(files, () => stampOf(files));
    if (made?.stamp !== stamp) made = { stamp, agent: attempt(files, () => agentOf(files)) };
    return made.agent;
  };
}

function agentOf(files: TlsFiles): Agent {
  // From here on only OpenSSL holds the private key.
  const secureContext = contextOf(files);
  return new Agent({ ...agentOptions, secureContext, rejectUnauthorized: true });
}

function contextOf({ ca, cert, key }: TlsFiles): SecureContext {
  const keyText = key?.read();
  try {
    return createSecureContext({
      minVersion: "TLSv1.2",
      ...(ca !== undefined && { ca: readFileSync(ca) }),
      ...(cert !== undefined && { cert: readFileSync(cert) }),
      ...(keyText && { key: keyText }),
    });
  } finally {
    wipe(keyText);
  }
}

function stampOf({ ca, cert, key }: TlsFiles): string {
  const stamps = [ca, cert].map((path) => (path === undefined ? "" : fileStamp(path)));
  return [...stamps, key ? secretStamp(key) : ""].join(" ");
}

function fileStamp(path: string): string {
  const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
  return [dev, ino, size, mtimeNs].join(".");
}

function attempt<T>({ ca, cert, key }: TlsFiles, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const named = [ca, cert, key?.describe()].filter((name) => name !== undefined).join(", ");
    const { code, path } = error as NodeJS.ErrnoException;
    const what = path === undefined ? `${named}: these do not make a TLS identity` : `the file ${path} cannot be read`;
    throw new BrokerError("PROVIDER_UNAVAILABLE", `${what} (${code ?? "no code"})`);
  }
}
