// Session: frames of calls both ways over one stream, for callers with many calls at once.

import type { handleBidiStreamingCall, ServerDuplexStream } from "@grpc/grpc-js";
import { BrokerError } from "../../errors/index.ts";
import type { Identity } from "../../identity/index.ts";
import type { Bounds, Caller, Graph, Service } from "../../operations/index.ts";
import type { Result } from "../../proto/keybroker/v1/call_pb.ts";
import { SessionRequestSchema } from "../../proto/keybroker/v1/key_service_pb.ts";
import { boundsOf } from "./adapt.ts";
import type { CallerOf } from "./adapt.ts";
import { admitFrame, resultOf } from "./calls.ts";
import { decodeRequest } from "./decode.ts";
import { encodeFrames } from "./frame.ts";
import { serviceError } from "./status.ts";

const maxInFlight = 1024;

type SessionStream = ServerDuplexStream<Buffer, Uint8Array>;

/** The open sessions of a daemon: draining ends them. */
export interface Sessions {
  /** The handler of KeyService.Session. */
  readonly handle: handleBidiStreamingCall<Buffer, Uint8Array>;
  /** Answers what was read, then ends every stream with UNAVAILABLE. */
  drain(): void;
}

export function createSessions(service: Service, callerOf: CallerOf): Sessions {
  const open = new Set<Session>();
  return {
    handle(stream) {
      const session = new Session(service, callerOf(stream), stream);
      open.add(session);
      stream.on("close", () => open.delete(session));
    },
    drain() {
      for (const session of open) session.drain();
    },
  };
}

/** One stream. Results that are ready in one turn of the event loop share a frame. */
class Session {
  readonly #service: Service;
  readonly #caller: Caller;
  readonly #stream: SessionStream;
  readonly #bounds: Bounds;
  readonly #inFlight = new Set<bigint>();
  /** Frames that wait until the stream's token is verified: at first, and when its issuer's keys changed. */
  #judging = 0;
  #ready: Result[] = [];
  #writable = true;
  /** Set once no further frame is read: how the stream will end when the last answer was written. */
  #end: { readonly error?: BrokerError } | undefined;

  constructor(service: Service, caller: Caller, stream: SessionStream) {
    this.#service = service;
    this.#caller = caller;
    this.#stream = stream;
    this.#bounds = boundsOf(stream);
    stream.on("data", (bytes: Buffer) => this.#read(bytes));
    stream.on("end", () => this.#finish({}));
    stream.on("drain", () => this.#resume());
    if (service.draining()) this.drain();
  }

  drain(): void {
    this.#finish({
      error: new BrokerError("DRAINING", "the daemon is shutting down: open a session elsewhere, or again"),
    });
  }

  #read(bytes: Buffer): void {
    if (this.#end !== undefined) return;
    const graph = this.#service.graph();
    const identity = this.#caller.identity(graph);
    if (identity instanceof Promise) void this.#judge(graph, identity, bytes);
    else this.#take(graph, identity, bytes);
  }

  async #judge(graph: Graph, identity: Promise<Identity | undefined>, bytes: Buffer): Promise<void> {
    this.#stream.pause();
    this.#judging++;
    const found = await identity.catch(() => undefined);
    this.#judging--;
    this.#take(graph, found, bytes);
    this.#resume();
    this.#endWhenIdle();
  }

  #take(graph: Graph, identity: Identity | undefined, bytes: Buffer): void {
    try {
      this.#start(graph, identity, bytes);
    } catch (error) {
      this.#finish({ error: error as BrokerError });
    }
    if (this.#inFlight.size >= maxInFlight) this.#stream.pause();
  }

  /** Identity and policy are judged anew for every frame, on the graph in force now. */
  #start(graph: Graph, identity: Identity | undefined, bytes: Buffer): void {
    if (identity === undefined) {
      throw new BrokerError("IDENTITY_UNKNOWN", "the identity of this connection has expired or was withdrawn");
    }
    const { calls } = decodeRequest(SessionRequestSchema, bytes);
    admitFrame(calls, this.#inFlight);
    for (const call of calls) {
      void resultOf(this.#service, graph, this.#caller, call, this.#bounds).then(this.#answer);
    }
  }

  readonly #answer = (result: Result): void => {
    this.#inFlight.delete(result.id);
    // After the microtasks of this turn: one audit write settles many calls at once.
    if (this.#ready.push(result) === 1) process.nextTick(() => this.#flush());
  };

  #flush(): void {
    const results = this.#ready;
    this.#ready = [];
    for (const frame of encodeFrames(results)) this.#writable = this.#stream.write(frame) && this.#writable;
    this.#resume();
    this.#endWhenIdle();
  }

  #resume(): void {
    this.#writable ||= !this.#stream.writableNeedDrain;
    if (!this.#writable) this.#stream.pause();
    else if (this.#inFlight.size < maxInFlight) this.#stream.resume();
  }

  #finish(end: { readonly error?: BrokerError }): void {
    this.#end ??= end;
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#end === undefined || this.#judging > 0 || this.#inFlight.size > 0 || this.#ready.length > 0) return;
    const { error } = this.#end;
    if (error === undefined) this.#stream.end();
    else this.#stream.emit("error", serviceError(error));
  }
}
