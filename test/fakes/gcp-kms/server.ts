// A Cloud KMS on loopback: the real wire protocol over TLS or without, strict, and able to fail and lie on demand.

import { readFileSync } from "node:fs";
import { Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import type { status } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { createAccounts } from "./accounts.ts";
import type { Account } from "./accounts.ts";
import { iamHandlers, keyManagementHandlers } from "./handlers.ts";
import { Lies } from "./lies.ts";
import type { Answer, Lie, LieScope, Told } from "./lies.ts";
import { iamPolicy, keyManagement } from "./protocol.ts";
import { Store } from "./store.ts";

/** A fake at work. */
export interface FakeGcpKms {
  readonly port: number;
  readonly store: Store;
  account(email: string): Account;
  tell(lie: Lie, scope?: LieScope): Told;
  /** How often a method was called since the start. */
  calls(method: string): number;
  /** How often a call was refused with a status since the start. */
  refusals(code: status): number;
  /** How far the server's clock is ahead of ours. */
  setClock(aheadMs: number): void;
  /** Ends every connection at once; new ones are welcome. */
  dropConnections(): void;
  stop(): void;
}

/** PEM files of the server; without them it speaks plaintext. */
export interface FakeOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** 0, or left out, for a free one. */
  readonly port?: number;
}

type Call = ServerUnaryCall<unknown, unknown>;

/** Starts the fake on a loopback port. */
export async function startFakeGcpKms({ tls, port: wanted = 0 }: FakeOptions = {}): Promise<FakeGcpKms> {
  const server = new Server();
  const store = new Store();
  const accounts = createAccounts();
  const lies = new Lies();
  const counts = new Map<string, number>();
  const refusals = new Map<status, number>();
  let aheadMs = 0;
  const dropConnections = () => server.drain(`127.0.0.1:${port}`, 0);

  async function answer(method: string, handler: (request: never, context: never) => unknown, call: Call) {
    counts.set(method, (counts.get(method) ?? 0) + 1);
    const met = lies.meet(method);
    await before(met, dropConnections);
    const [header] = call.metadata.get("authorization");
    const caller = accounts.authenticate(typeof header === "string" ? header : undefined, Date.now() + aheadMs);
    const right = handler(call.request as never, { store, caller, lies: met } as never);
    return met.reduce((made, lie) => (lie.kind === "spoil" ? lie.spoil(made as Answer, method) : made), right);
  }

  function serve(definition: ServiceDefinition, handlers: Readonly<Record<string, (r: never, c: never) => unknown>>) {
    const served = Object.entries(handlers).map(([method, handler]) => {
      return [
        method,
        (call: Call, respond: sendUnaryData<unknown>) => {
          const date = new Metadata();
          date.set("date", new Date(Date.now() + aheadMs).toUTCString());
          call.sendMetadata(date);
          answer(method, handler, call).then(
            (made) => respond(null, made),
            (error: Error & { code?: status }) => {
              if (error.code !== undefined) refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1);
              respond(error);
            },
          );
        },
      ];
    });
    server.addService(definition, Object.fromEntries(served) as UntypedServiceImplementation);
  }

  serve(keyManagement, keyManagementHandlers);
  serve(iamPolicy, iamHandlers);
  const port = await bind(server, tls ? tlsCredentials(tls) : ServerCredentials.createInsecure(), wanted);
  return {
    port,
    store,
    account: (email) => accounts.create(email),
    tell: (lie, scope) => lies.tell(lie, scope),
    calls: (method) => counts.get(method) ?? 0,
    refusals: (code) => refusals.get(code) ?? 0,
    setClock: (wantedMs) => void (aheadMs = wantedMs),
    dropConnections,
    stop: () => server.forceShutdown(),
  };
}

/** Fails, waits or never goes on, as the lies that come before an answer want it. */
async function before(met: readonly Lie[], dropConnections: () => void): Promise<void> {
  for (const lie of met) {
    if (lie.kind === "refuse") throw lie.refusal();
    if (lie.kind === "slow") await new Promise((resolve) => setTimeout(resolve, lie.delayMs));
    if (lie.kind === "reset") dropConnections();
    if (lie.kind === "hang" || lie.kind === "reset") await new Promise(() => undefined);
  }
}

function tlsCredentials({ cert, key }: { cert: string; key: string }): ServerCredentials {
  return ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(cert), private_key: readFileSync(key) }]);
}

function bind(server: Server, credentials: ServerCredentials, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}
