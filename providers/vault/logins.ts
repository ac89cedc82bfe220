// The ways to a token: two that read one that people or Vault Agent placed, three that log in for a new one.

import { BrokerError, isBrokerError } from "../../src/errors/index.ts";
import { secret } from "../../src/provider/index.ts";
import type { SecretSource } from "../../src/provider/index.ts";
import { copy, wipe } from "../../src/secret/index.ts";
import type { VaultClient } from "./client.ts";
import { damaged, failureOf, wordsOf } from "./errors.ts";
import { composeJson, isPlainText } from "./json-bytes.ts";
import type { BodyValue } from "./json-bytes.ts";
import type { TokenFacts } from "./life.ts";
import type { VaultAuth } from "./settings.ts";

/** A token, and what a login said of it. The session owns and wipes it. */
export interface Granted {
  readonly token: Buffer;
  readonly facts: TokenFacts | undefined;
}

/** A configured way to a token. */
export interface Login {
  /** For messages: `AppRole (auth/approle)`. */
  readonly name: string;
  /** What a person does so that a new token can be had. */
  readonly remedy: string;
  /** Whether each login makes a new token; else it is read from where it was placed. */
  readonly makesTokens: boolean;
  /** After a refusal nothing is sent for so long, unless the stamp changes; infinite where each attempt may cost one. */
  readonly pauseMs: number;
  /** Changes when the credential's file does. Throws PROVIDER_UNAVAILABLE while it is not there. */
  stamp(): string;
  /** Throws LoginRefused when the server, or what stands in the file, says no; else as calls do. */
  grant(client: VaultClient, signal: AbortSignal): Promise<Granted>;
}

/** The credential itself was refused: trying it again is no use. */
export class LoginRefused extends Error {}

const pauseMs = 60_000;

/** The way that the settings name. */
export function loginOf(auth: VaultAuth): Login {
  const { token, tokenFile, appRole, kubernetes, certificate } = auth;
  if (token) return placedToken(() => token, `put a new token into ${token.describe()}`);
  if (tokenFile !== undefined) return placedToken(() => fileSource(tokenFile), `put a new token into ${tokenFile}`);
  if (appRole) return appRoleLogin(appRole);
  if (kubernetes) return kubernetesLogin(kubernetes);
  return certificateLogin(certificate!);
}

/** A file that may not be there yet: the daemon starts, and looks again at the next login. */
function fileSource(path: string): SecretSource {
  const parsed = secret().safeParse(`file:${path}`);
  if (parsed.success) return parsed.data;
  throw new BrokerError("PROVIDER_UNAVAILABLE", parsed.error.issues[0]?.message ?? `the file ${path} is not there`);
}

function placedToken(source: () => SecretSource, remedy: string): Login {
  return {
    name: "token",
    remedy,
    makesTokens: false,
    pauseMs,
    stamp: () => whileThere(() => source().toJSON()),
    grant: () => new Promise((resolve) => resolve({ token: readPlain(source()), facts: undefined })),
  };
}

function appRoleLogin({ roleId, secretId, mount }: NonNullable<VaultAuth["appRole"]>): Login {
  return {
    name: `AppRole (auth/${mount})`,
    remedy: `put a new secret id into ${secretId.describe()}`,
    makesTokens: true,
    pauseMs: Infinity,
    stamp: () => whileThere(() => secretId.toJSON()),
    async grant(client, signal) {
      const secretText = readPlain(secretId);
      try {
        return await post(client, mount, { role_id: roleId, secret_id: secretText }, signal);
      } finally {
        wipe(secretText);
      }
    },
  };
}

function kubernetesLogin({ role, tokenFile, mount }: NonNullable<VaultAuth["kubernetes"]>): Login {
  return {
    name: `Kubernetes (auth/${mount})`,
    remedy: `see that role ${role} is bound to this service account, and that ${tokenFile} has its projected token`,
    makesTokens: true,
    pauseMs,
    stamp: () => whileThere(() => fileSource(tokenFile).toJSON()),
    async grant(client, signal) {
      const jwt = readPlain(fileSource(tokenFile));
      try {
        return await post(client, mount, { role, jwt }, signal);
      } finally {
        wipe(jwt);
      }
    },
  };
}

function certificateLogin({ cert, key, role, mount }: NonNullable<VaultAuth["certificate"]>): Login {
  return {
    name: `TLS certificate (auth/${mount})`,
    remedy: `see that the role at auth/${mount}/certs trusts ${cert}, and that it is still valid`,
    makesTokens: true,
    pauseMs,
    stamp: () => whileThere(() => `${fileSource(cert).toJSON()} ${key.toJSON()}`),
    grant: (client, signal) => post(client, mount, { name: role }, signal),
  };
}

async function post(
  client: VaultClient,
  mount: string,
  fields: Readonly<Record<string, BodyValue | undefined>>,
  signal: AbortSignal,
): Promise<Granted> {
  const path = `auth/${mount}/login`;
  const body = composeJson(fields);
  try {
    const answer = await client.send({ method: "POST", path, body, take: "client_token", once: true, signal });
    if ([400, 401, 403, 404].includes(answer.status)) {
      const words = wordsOf(answer) || "no words";
      throw new LoginRefused(`the server refuses the login at ${path} (HTTP ${answer.status}: ${words})`);
    }
    if (answer.status >= 300) throw failureOf(answer, path);
    if (!answer.taken) throw damaged(path);
    return { token: answer.taken, facts: (answer.json as { auth?: TokenFacts } | undefined)?.auth };
  } finally {
    wipe(body);
  }
}

/** The secret without white space at its end, in a buffer that the caller wipes. */
function readPlain(source: SecretSource): Buffer {
  const text = whileThere(() => source.read());
  let length = text.length;
  while (length > 0 && text[length - 1]! <= 0x20) length--;
  const plain = copy(text.subarray(0, length));
  wipe(text);
  if (length > 0 && isPlainText(plain)) return plain;
  wipe(plain);
  throw new LoginRefused(`the ${source.describe()} ${length === 0 ? "is empty" : "holds no token, secret id or JWT"}`);
}

/** A file is gone for the moment in which it is replaced. */
function whileThere<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isBrokerError(error) || error.reason !== "REQUEST_INVALID") throw error;
    throw new BrokerError("PROVIDER_UNAVAILABLE", error.message, { cause: error.cause });
  }
}
