// The regions that the provider asks, each with a client of its own, and the credentials they share.

import type * as Kms from "@aws-sdk/client-kms";
import type * as Credentials from "@aws-sdk/credential-providers";
import { BrokerError } from "../../src/errors/index.ts";
import { asBrokerError, asksForCredentials, credentialsError } from "./errors.ts";
import type { AwsKmsSettings } from "./settings.ts";

/** The library, loaded when the first provider of this kind is opened. */
export interface Library {
  readonly kms: typeof Kms;
  readonly credentials: typeof Credentials;
}

/** One region. */
export interface Region {
  readonly name: string;
  /**
   * Asks KMS once. Throws what `asBrokerError` makes of a failure, or what `signal` was aborted with; after credentials
   * that AWS does not take, the next call fetches new ones.
   */
  ask<T>(signal: AbortSignal, work: (kms: Kms.KMSClient) => Promise<T>): Promise<T>;
  /** How far this machine's clock is behind the region's, in milliseconds, as far as its answers told. */
  clockBehindMs(): number;
  /** Fetches credentials where there are none that hold. Throws PROVIDER_UNAVAILABLE. */
  credentials(): Promise<void>;
  close(): void;
}

/** Sockets to one region; the broker's own cap on calls is 64 when nothing else is configured. */
const sockets = { keepAlive: true, keepAliveMsecs: 10_000, maxSockets: 256, scheduling: "lifo" } as const;
const connectTimeoutMs = 2_000;
const stsTimeoutMs = 4_000;

/** The configured region first, then those that may unwrap in its place. */
export function createRegions(settings: AwsKmsSettings, library: Library): readonly [Region, ...Region[]] {
  const { region, endpoint, fallbackRegions } = settings;
  const create = (name: string, url: string | undefined) => createRegion(name, url, settings, library);
  return [create(region, endpoint), ...fallbackRegions.map((one) => create(one.region, one.endpoint))];
}

function createRegion(name: string, endpoint: string | undefined, settings: AwsKmsSettings, library: Library): Region {
  let client: Kms.KMSClient | undefined;
  let latest: Kms.KMSClient | undefined;
  let closed = false;
  const current = (): Kms.KMSClient => {
    if (closed) throw new BrokerError("PROVIDER_UNAVAILABLE", "the aws-kms provider is closed");
    client ??= connect(name, endpoint, latest, credentialsFor(settings, library), library);
    return (latest = client);
  };
  const failureOf = (error: unknown, signal: AbortSignal, used: Kms.KMSClient): Error => {
    if (signal.aborted) return signal.reason as Error;
    if (asksForCredentials(error) && client === used) client = undefined;
    return asBrokerError(error);
  };
  return {
    name,
    async ask(signal, work) {
      signal.throwIfAborted();
      const used = current();
      try {
        return await work(used);
      } catch (error) {
        throw failureOf(error, signal, used);
      }
    },
    clockBehindMs: () => latest?.config.systemClockOffset ?? 0,
    credentials: async () => void (await current().config.credentials()),
    close() {
      closed = true;
      latest?.destroy();
    },
  };
}

/** A client that takes over its predecessor's connections and what it learnt of the clocks, but not its credentials. */
function connect(
  region: string,
  endpoint: string | undefined,
  predecessor: Kms.KMSClient | undefined,
  credentials: ReturnType<typeof credentialsFor>,
  library: Library,
): Kms.KMSClient {
  const known = predecessor && {
    requestHandler: predecessor.config.requestHandler,
    systemClockOffset: predecessor.config.systemClockOffset,
  };
  return new library.kms.KMSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    // AWS_ENDPOINT_URL and its kin would send shares where no reader of the configuration expects them.
    ignoreConfiguredEndpointUrls: true,
    credentials,
    // The broker alone tries again, within a budget.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: connectTimeoutMs, httpAgent: sockets, httpsAgent: sockets },
    ...known,
  });
}

/** Where credentials come from; it throws PROVIDER_UNAVAILABLE when there are none. They hold for every region. */
function credentialsFor(settings: AwsKmsSettings, { credentials: from }: Library) {
  const { assumeRole, webIdentity, stsEndpoint, region } = settings;
  const clientConfig = {
    region,
    ...(stsEndpoint !== undefined && { endpoint: stsEndpoint }),
    // A second attempt, since the first one is how the SDK learns that a clock is off.
    maxAttempts: 2,
    // No abort reaches this client, and one that hangs would keep every later call waiting.
    requestHandler: { connectionTimeout: connectTimeoutMs, requestTimeout: stsTimeoutMs, throwOnRequestTimeout: true },
  };
  const source = assumeRole
    ? from.fromTemporaryCredentials({
        params: {
          RoleArn: assumeRole.roleArn,
          RoleSessionName: assumeRole.sessionName,
          ExternalId: assumeRole.externalId,
        },
        clientConfig,
      })
    : webIdentity
      ? from.fromTokenFile({
          roleArn: webIdentity.roleArn,
          roleSessionName: webIdentity.sessionName,
          webIdentityTokenFile: webIdentity.tokenFile,
          clientConfig,
        })
      : from.fromNodeProviderChain({ clientConfig });
  return async (properties?: object) => {
    try {
      return await source(properties);
    } catch (error) {
      throw credentialsError(error);
    }
  };
}
