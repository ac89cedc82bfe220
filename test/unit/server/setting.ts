// Listeners with one small service behind them, which says who calls, echoes, and holds a stream open.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MethodDefinition, ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type {
  Configuration,
  IdentityConfiguration,
  ListenerConfiguration,
  TcpListenerConfiguration,
  UnixListenerConfiguration,
} from "../../../src/config/configuration.ts";
import { createIdentities } from "../../../src/identity/index.ts";
import type { Graph, Service } from "../../../src/operations/index.ts";
import { openListeners } from "../../../src/server/index.ts";
import type { ListenerEvents, ListenerParts, Listeners } from "../../../src/server/index.ts";

const same = (bytes: Buffer) => bytes;

/** A folder of the test's own, short enough for sockets. */
export function testFolder(): { readonly folder: string; remove(): void } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "kb-")));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const limits: Configuration["limits"] = {
  callTimeoutMs: 10_000,
  drainTimeoutMs: 2_000,
  idleTimeoutMs: 60_000,
  prefaceTimeoutMs: 5_000,
  maxStreamsPerConnection: 128,
  maxMessageBytes: 4 << 20,
  maxHeaderBytes: 8_192,
  maxProviderCalls: 64,
  providerTimeoutMs: 5_000,
  probeIntervalMs: 30_000,
  refusedLoads: { limit: 60, windowMs: 60_000 },
  providerCallsPerIdentity: undefined,
};

export function unixListener(path: string, more: Partial<UnixListenerConfiguration> = {}): UnixListenerConfiguration {
  const shared = { name: "local", admin: false, maxConnections: 16 };
  return {
    ...shared,
    unix: path,
    mode: 0o600,
    uid: undefined,
    gid: undefined,
    identity: "local",
    attributes: {},
    ...more,
  };
}

export function tcpListener(tls: TcpListenerConfiguration["tls"], more: object = {}): TcpListenerConfiguration {
  const tcp = { host: "127.0.0.1", port: 0 };
  return { name: "mesh", admin: false, maxConnections: 16, tcp, tls, ...more };
}

export function configurationOf(
  listeners: readonly ListenerConfiguration[],
  identities: readonly IdentityConfiguration[] = [],
  moreLimits: Partial<Configuration["limits"]> = {},
): Configuration {
  return {
    listeners: new Map(listeners.map((one) => [one.name, one])),
    identities: new Map(identities.map((one) => [one.name, one])),
    limits: { ...limits, ...moreLimits },
  } as Partial<Configuration> as Configuration;
}

/** A listener's world: the graph in force, and what the listeners told. */
export class Setting {
  graph!: Graph;
  readonly #configuration: Configuration;
  drained = 0;
  readonly told: string[] = [];
  readonly held = new Set<ServerDuplexStream<Buffer, Buffer>>();

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  get parts(): ListenerParts {
    return {
      service: () => ({ graph: () => this.graph, draining: () => false }) as Partial<Service> as Service,
      events: {
        refused: (listener, why) => void this.told.push(`${listener} ${why}`),
        certificateRenewed: (listener) => void this.told.push(`${listener} renewed`),
        certificateKept: (listener) => void this.told.push(`${listener} certificate`),
      } satisfies ListenerEvents,
      servicesOf: (_listener, service, callerOf) => {
        const handlers = {
          who: (call: ServerUnaryCall<Buffer, Buffer>, done: (error: null, answer: Buffer) => void) =>
            void Promise.resolve(callerOf(call).identity(service.graph())).then((found) =>
              done(null, Buffer.from(found?.name ?? "nobody")),
            ),
          echo: (call: ServerUnaryCall<Buffer, Buffer>, done: (error: null, answer: Buffer) => void) =>
            done(null, call.request),
          hold: (call: ServerDuplexStream<Buffer, Buffer>) => {
            this.held.add(call);
            call.write(Buffer.from("held"));
            call.on("data", (bytes: Buffer) => call.write(bytes));
            call.on("end", () => call.end());
            call.on("close", () => this.held.delete(call));
          },
        };
        const drain = () => {
          this.drained++;
          for (const call of this.held) call.end();
        };
        return [{ definition, implementation: handlers, drain }];
      },
    };
  }

  async open(configuration: Configuration): Promise<Listeners> {
    this.graph ??= await graphOf(this.#configuration);
    return openListeners(configuration, this.parts);
  }

  async reload(listeners: Listeners, configuration: Configuration): Promise<void> {
    const prepared = await listeners.prepare(configuration);
    this.graph.identities.close();
    this.graph = await graphOf(configuration);
    prepared.commit();
  }
}

async function graphOf(configuration: Configuration): Promise<Graph> {
  return { configuration, identities: await createIdentities(configuration) } as Partial<Graph> as Graph;
}

const method = (name: string, streams: boolean): MethodDefinition<Buffer, Buffer> => ({
  path: `/test.Test/${name}`,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const definition = { who: method("who", false), echo: method("echo", false), hold: method("hold", true) };

/** A client of the small service. */
export class TestClient {
  readonly client: Client;

  constructor(address: string, secure = credentials.createInsecure(), options: object = {}) {
    this.client = new Client(address, secure, { "grpc.max_receive_message_length": -1, ...options });
  }

  unary(path: string, request = Buffer.alloc(0), metadata = new Metadata()): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + 5_000;
      this.client.makeUnaryRequest(path, same, same, request, metadata, { deadline }, (error, answer) =>
        error ? reject(error) : resolve(answer!),
      );
    });
  }

  async who(): Promise<string> {
    return (await this.unary("/test.Test/who")).toString();
  }

  /** A stream that the server has taken. */
  async hold() {
    const stream = this.client.makeBidiStreamRequest("/test.Test/hold", same, same);
    const ended = new Promise<number>((resolve) => {
      stream.on("status", ({ code }: { code: number }) => resolve(code));
      stream.on("error", () => undefined);
    });
    await new Promise((resolve, reject) => stream.once("data", resolve).once("error", reject));
    return { stream, ended };
  }

  close(): void {
    this.client.close();
  }
}

/** Waits for a condition of this process, turn by turn. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
