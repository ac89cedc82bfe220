// One daemon's address: its channel, its Session, and whether it is worth asking now.

import { connectivityState, Metadata, type Client as GrpcClient, type ClientUnaryCall } from "@grpc/grpc-js";
import type { Address } from "./address.ts";
import { fromTransport, KeybrokerError } from "./error.ts";
import { maxRequestBytes, Session } from "./session.ts";
import { wipeAnswer, type PendingCall } from "./pending-call.ts";
import type { TokenFile } from "./token-file.ts";

const firstBackOffMs = 50;
const maxBackOffMs = 500;
const identity = (bytes: Buffer): Buffer => bytes;

/** What an endpoint tells the dispatcher. */
export interface EndpointEvents {
  /** A try failed. */
  failed(call: PendingCall, error: KeybrokerError): void;
  /** There may be room for more calls. */
  room(): void;
}

/** What all endpoints of a client have in common. */
export interface EndpointSettings {
  readonly connectTimeoutMs: number;
  /** What goes with every call. */
  readonly token: TokenFile | undefined;
}

/** A daemon's address. */
export class Endpoint {
  readonly address: Address;
  readonly #client: GrpcClient;
  readonly #events: EndpointEvents;
  readonly #settings: EndpointSettings;
  readonly #unary = new Map<PendingCall, ClientUnaryCall>();
  #session: Session | undefined;
  /** The token that the session was opened with. */
  #sessionToken: string | undefined;
  #connecting: NodeJS.Timeout | undefined;
  #failures = 0;
  /** On performance.now()'s clock: until then other endpoints go first. */
  #avoidUntilMs = 0;

  constructor(address: Address, client: GrpcClient, settings: EndpointSettings, events: EndpointEvents) {
    this.address = address;
    this.#client = client;
    this.#settings = settings;
    this.#events = events;
  }

  /** Milliseconds until it is worth asking again; 0 when it is now. */
  avoidMs(): number {
    return this.#failures === 0 ? 0 : Math.max(0, this.#avoidUntilMs - performance.now());
  }

  /** It has a connection; asking starts one. */
  connected(): boolean {
    return this.#client.getChannel().getConnectivityState(true) === connectivityState.READY;
  }

  /** Resolves when it has a connection; rejects at the deadline. */
  waitUntilConnected(deadline: Date): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(deadline, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** How many calls it takes now. */
  room(): number {
    return this.#session?.room() ?? 1024;
  }

  /** Whether nothing is under way that a further call could share a stream with. */
  quiet(): boolean {
    return this.#session === undefined && this.#unary.size === 0;
  }

  /** Sends calls: those that a frame cannot carry on their own, the rest by the Session. */
  send(calls: readonly PendingCall[], alone: boolean): void {
    if (calls.length === 0) return;
    this.#watchConnection();
    const single = (call: PendingCall): boolean =>
      alone || call.operation.name === undefined || call.request.length > maxRequestBytes;
    for (const call of calls) {
      call.endpoint = this;
      call.attempts++;
      if (single(call)) this.#sendAlone(call);
    }
    const framed = calls.filter((call) => !call.settled && !single(call));
    if (framed.length > 0) this.#sessionNow().send(framed);
  }

  /** Ends everything with this error. */
  close(error: KeybrokerError): void {
    this.#drop(error);
    this.#client.close();
  }

  #sendAlone(call: PendingCall): void {
    // Without a deadline of grpc-js's own: the call's timer ends it, over all its tries. The header tells the daemon.
    const metadata = metadataWith(this.#settings.token?.current());
    metadata.set("grpc-timeout", `${Math.max(1, Math.ceil(call.remainingMs()))}m`);
    const sent = this.#client.makeUnaryRequest(
      call.operation.path,
      identity,
      (bytes: Buffer) => call.operation.decode(bytes),
      call.request,
      metadata,
      (error, answer) => {
        this.#unary.delete(call);
        call.cancelTry = undefined;
        if (!error) this.#answered();
        if (call.settled) return wipeAnswer(answer);
        if (error) this.#failed(call, fromTransport(error));
        else call.resolve(answer);
      },
    );
    this.#unary.set(call, sent);
    call.cancelTry = () => sent.cancel();
  }

  /** The session that there is, unless the token has changed since: then it answers what it has, and another follows. */
  #sessionNow(): Session {
    const token = this.#settings.token?.current();
    if (this.#session !== undefined && token === this.#sessionToken) return this.#session;
    this.#session?.leave();
    this.#sessionToken = token;
    return (this.#session = this.#openSession(token));
  }

  #openSession(token: string | undefined): Session {
    const session = new Session(this.#client, metadataWith(token), {
      failed: (call, error) => this.#events.failed(call, error),
      room: () => this.#events.room(),
      answered: () => this.#answered(),
      ended: (error) => {
        if (this.#session === session) this.#session = undefined;
        if (error) this.#troubled(error);
      },
    });
    return session;
  }

  #failed(call: PendingCall, error: KeybrokerError): void {
    this.#troubled(error);
    this.#events.failed(call, error);
  }

  #answered(): void {
    this.#failures = 0;
  }

  /** Lets other endpoints go first for a while, when nobody answers here or the daemon is going away. */
  #troubled(error: KeybrokerError): void {
    const away = error.status === "UNAVAILABLE" && (error.reason === undefined || error.reason === "DRAINING");
    if (!away || this.avoidMs() > 0) return;
    const backOffMs = Math.min(maxBackOffMs, firstBackOffMs * 2 ** this.#failures++);
    this.#avoidUntilMs = performance.now() + backOffMs * (0.5 + Math.random() / 2);
  }

  /** Gives up on a host that does not even refuse the connection, so that other endpoints get their chance. */
  #watchConnection(): void {
    if (this.#connecting !== undefined || this.connected()) return;
    this.#connecting = setTimeout(() => {
      this.#connecting = undefined;
      if (this.connected()) return;
      this.#drop(new KeybrokerError("UNAVAILABLE", `no connection within ${this.#settings.connectTimeoutMs} ms`));
    }, this.#settings.connectTimeoutMs);
    this.#connecting.unref();
  }

  /** Fails all calls under way here. */
  #drop(error: KeybrokerError): void {
    clearTimeout(this.#connecting);
    this.#connecting = undefined;
    this.#session?.close(error);
    const unary = [...this.#unary];
    this.#unary.clear();
    for (const [call, sent] of unary) {
      call.cancelTry = undefined;
      this.#failed(call, error);
      sent.cancel();
    }
  }
}

function metadataWith(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}
