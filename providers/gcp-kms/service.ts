// Calls to Cloud KMS through Google's library: connected when first needed, authorised by us, never retried here.

import type { KeyManagementServiceClient } from "@google-cloud/kms";
import type * as Kms from "@google-cloud/kms";
import type * as Grpc from "@grpc/grpc-js";
import type * as Auth from "google-auth-library";
import { BrokerError } from "../../src/errors/index.ts";
import { createConnection } from "./connection.ts";
import type { Connection } from "./connection.ts";
import type { Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { failureOf } from "./errors.ts";
import type { CallFailure, Purpose } from "./errors.ts";
import { raced } from "./raced.ts";

/** The libraries, loaded when the provider is opened and not before. */
export interface Libraries {
  readonly kms: typeof Kms;
  readonly grpc: typeof Grpc;
  readonly auth: typeof Auth;
}

/** How Cloud KMS is reached. */
export interface Reach {
  readonly endpoint: Endpoint | undefined;
  readonly channel: Grpc.ChannelCredentials;
  /** Without TLS a proxy would see the credentials, and a loopback address is not behind one. */
  readonly viaProxy: boolean;
  readonly credentials: Credentials;
}

/** The calls of the service that this provider makes. */
type Method =
  | "encrypt"
  | "decrypt"
  | "getCryptoKey"
  | "getCryptoKeyVersion"
  | "listCryptoKeyVersions"
  | "createCryptoKeyVersion"
  | "updateCryptoKeyVersion"
  | "updateCryptoKeyPrimaryVersion"
  | "testIamPermissions";

/** A call. */
interface Call {
  readonly method: Method;
  readonly purpose: Purpose;
  /** The resource that the service routes by, as `field=name`. */
  readonly routing: readonly [field: string, name: string];
  readonly request: object;
  /** Told the answer's `date` header, where the server sends one. */
  readonly onDate?: (date: string) => void;
}

/** Cloud KMS. */
export interface Service {
  readonly credentials: Credentials;
  /**
   * Makes a call; a list's answers one page. Throws what errors.ts makes of failures, and the signal's reason after an
   * abort.
   */
  call<Response>(call: Call, signal: AbortSignal): Promise<Response>;
  /** Takes no more calls. Those under way end first, without being waited for here. */
  close(): Promise<void>;
}

/** A list answers its items, the request for the next page, and the answer as it came; others the answer alone. */
type InnerCall = (request: object, options: object) => Promise<[answer: unknown, next?: unknown, page?: unknown]>;

const channelOptions = {
  // A client of its own connection: the shared pool would hand a new client the connection that just hung.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // The library takes answers of any size. A page of versions is the largest that there is.
  "grpc.max_receive_message_length": 4_194_304,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/** Prepares the service; it connects with the first call. */
export function createService(libraries: Libraries, reach: Reach): Service {
  let connection: Connection<KeyManagementServiceClient> | undefined;
  let closed = false;
  const { credentials } = reach;
  const { UNAVAILABLE, UNAUTHENTICATED } = libraries.grpc.status;

  /** The next call connects anew: the address is looked up again, and no back-off is waited for. */
  const disconnect = (used: typeof connection) => {
    if (connection === used) connection = undefined;
    void used?.retire();
  };

  async function call<Response>(wanted: Call, signal: AbortSignal): Promise<Response> {
    signal.throwIfAborted();
    if (closed) throw closedError();
    const headers = await credentials.headers(signal);
    if (closed) throw closedError();
    const used = (connection ??= createConnection(createClient(libraries, reach)));
    try {
      const answer = await used.use((client) => invoke(libraries.grpc, client, wanted, headers, signal));
      signal.throwIfAborted();
      return answer as Response;
    } catch (error) {
      const { code } = (error ?? {}) as CallFailure;
      // No answer in time: the connection may be dead without a word, as after a change of routes.
      if (signal.aborted || code === UNAVAILABLE || code === undefined) disconnect(used);
      signal.throwIfAborted();
      if (closed) throw closedError();
      if (code === UNAUTHENTICATED) credentials.forget();
      throw failureOf(error, wanted.purpose);
    }
  }

  return {
    credentials,
    call,
    async close() {
      closed = true;
      const last = connection;
      connection = undefined;
      await last?.retire();
    },
  };
}

function createClient({ kms, auth }: Libraries, { endpoint, channel, viaProxy }: Reach): KeyManagementServiceClient {
  return new kms.KeyManagementServiceClient({
    ...(endpoint && { apiEndpoint: endpoint.host, port: endpoint.port }),
    // Not the library's: it looks for credentials while it connects, and may hang there or end the process.
    authClient: new auth.PassThroughClient() as never,
    sslCreds: channel,
    fallback: false,
    universeDomain: "googleapis.com",
    "grpc.enable_http_proxy": viaProxy ? 1 : 0,
    ...channelOptions,
  });
}

/**
 * Past the library's own methods, which write requests and answers, plaintexts among them, to the standard error when
 * GOOGLE_SDK_NODE_LOGGING is set.
 */
async function invoke(
  grpc: typeof Grpc,
  client: KeyManagementServiceClient,
  { method, routing: [field, name], request, onDate }: Call,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<unknown> {
  const params = `${field}=${encodeURIComponent(name)}`;
  const interceptors = onDate && { interceptors: [dateInterceptor(grpc, onDate)] };
  const otherArgs = { headers: { ...headers, "x-goog-request-params": params }, options: { ...interceptors } };
  const inner = await innerCalls(client, method, signal);
  // Without retries: the broker's guard has them, within a budget. Without the library's way through pages: it heeds no
  // abort, and what becomes of a later page's failure nobody can catch.
  const options = { signal, otherArgs, retry: null, autoPaginate: false };
  const [answer, , page] = await (inner[method] as InnerCall)(request, options);
  return page ?? answer;
}

/** Calls of a client are made once it is initialised; that heeds no abort. */
async function innerCalls(
  client: KeyManagementServiceClient,
  method: Method,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const initialised = method === "testIamPermissions" ? client.iamClient : client;
  await raced<unknown>(initialised.initialize(), signal);
  return initialised.innerApiCalls;
}

function dateInterceptor({ InterceptingCall }: typeof Grpc, onDate: (date: string) => void): Grpc.Interceptor {
  return (options, next) => {
    return new InterceptingCall(next(options), {
      start(metadata, _, start) {
        start(metadata, {
          onReceiveMetadata(received, pass) {
            const [date] = received.get("date");
            if (typeof date === "string") onDate(date);
            pass(received);
          },
        });
      },
    });
  };
}

function closedError(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "the gcp-kms provider is closed");
}
