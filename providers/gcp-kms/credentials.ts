// Who we are to Google Cloud: the headers that prove it, from a service account's key, workload identity federation, or
// application default credentials.

import type * as Auth from "google-auth-library";
import { BrokerError } from "../../src/errors/index.ts";
import type { SecretSource } from "../../src/provider/index.ts";
import { wipe } from "../../src/secret/index.ts";
import { raced } from "./raced.ts";

/** The least scope that Cloud KMS takes; the library would ask for all of Google Cloud. */
const scopes = ["https://www.googleapis.com/auth/cloudkms"];
/** What a service account's own tokens are for, whatever endpoint leads there. */
const audience = "https://cloudkms.googleapis.com/";

/** What proves who calls. */
export interface Credentials {
  /** In words, for messages: `service account NAME`. It asks nobody. */
  describe(): string;
  /**
   * The headers for a call: the library keeps the token and renews it in time. Throws REQUEST_INVALID when what the
   * configuration names holds no credentials, PROVIDER_UNAVAILABLE when no token can be had.
   */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Forgets the token, after it was refused: the source is read anew. */
  forget(): void;
}

/** What is used of the library's clients. */
type Client = Pick<Auth.AuthClient, "getRequestHeaders">;

/** Credentials from a source of the configuration, or those that the machine has. */
export function createCredentials(library: typeof Auth, source: SecretSource | undefined): Credentials {
  let client: Client | undefined;
  let words = source ? `the ${source.describe()}` : "application default credentials";
  const make = (): Client => {
    if (!source) return applicationDefault(library);
    const read = readClient(library, source);
    words = `${read.words} of the ${source.describe()}`;
    return read.client;
  };
  return {
    describe: () => words,
    async headers(signal) {
      client ??= make();
      try {
        return Object.fromEntries(await raced(client.getRequestHeaders(audience), signal));
      } catch (error) {
        signal.throwIfAborted();
        client = undefined;
        throw noToken(words, error);
      }
    },
    forget: () => void (client = undefined),
  };
}

/** Made anew after each failure: the library remembers for good that there was no metadata server. */
function applicationDefault(library: typeof Auth): Client {
  const auth = new library.GoogleAuth({ scopes });
  auth.useJWTAccessWithScope = true;
  return auth;
}

/** What of a credentials' JSON is looked at; the library reads the rest. */
interface CredentialsFile {
  readonly type?: unknown;
  readonly client_email?: unknown;
  readonly private_key?: unknown;
  readonly private_key_id?: unknown;
  readonly universe_domain?: unknown;
  readonly credential_source?: { readonly executable?: unknown; readonly environment_id?: unknown } | null;
}

interface ReadClient {
  readonly client: Client;
  readonly words: string;
}

function readClient(library: typeof Auth, source: SecretSource): ReadClient {
  const file = parse(source);
  if (file.type === "service_account") return serviceAccount(library, file, source);
  if (file.type === "external_account") return externalAccount(library, file, source);
  const message = "expected the JSON of a service account's key or of workload identity federation (external_account)";
  throw invalid(source, message);
}

function parse(source: SecretSource): CredentialsFile {
  const bytes = source.read();
  try {
    // The library takes the key as a string: that copy is beyond our reach.
    const parsed: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // The parser's words would quote the file.
  } finally {
    wipe(bytes);
  }
  throw invalid(source, "this is no JSON object");
}

function serviceAccount(library: typeof Auth, file: CredentialsFile, source: SecretSource): ReadClient {
  const { client_email: email, private_key: key, private_key_id: keyId, universe_domain: universe } = file;
  if (typeof email !== "string" || typeof key !== "string")
    throw invalid(source, "a service account's key has client_email and private_key");
  const client = new library.JWT({
    email,
    key,
    ...(typeof keyId === "string" && { keyId }),
    ...(typeof universe === "string" && { universeDomain: universe }),
  });
  return { client, words: `service account ${email}` };
}

function externalAccount(library: typeof Auth, file: CredentialsFile, source: SecretSource): ReadClient {
  const { executable, environment_id: environment } = file.credential_source ?? {};
  if (executable !== undefined) throw invalid(source, "a credentials file that runs a program is not taken");
  const Client = environment === undefined ? library.IdentityPoolClient : library.AwsClient;
  try {
    const client: Auth.BaseExternalAccountClient = new Client(file as never);
    client.scopes = scopes;
    return { client, words: "workload identity federation" };
  } catch {
    throw invalid(source, "this workload identity federation is not complete: make the file anew with gcloud");
  }
}

function invalid(source: SecretSource, what: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", `the ${source.describe()} holds no credentials for Google Cloud: ${what}`);
}

/** The library's errors carry requests, and with them assertions and tokens: only their names and codes go on. */
function noToken(words: string, error: unknown): BrokerError {
  const { name, code, status } = (error ?? {}) as { name?: unknown; code?: unknown; status?: unknown };
  const told = [name, code, status].filter((fact) => typeof fact === "string" || typeof fact === "number");
  const message = `no token for Google Cloud could be had with ${words}: see whether they are right and not revoked, and this machine's clock and network`;
  return new BrokerError("PROVIDER_UNAVAILABLE", message, { cause: new Error(told.join(" ")) });
}
