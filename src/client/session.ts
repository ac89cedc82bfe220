// One Session stream: frames of calls out, results back to the calls they belong to.

import { fromBinary } from "@bufbuild/protobuf";
import type { Client as GrpcClient, ClientDuplexStream, Metadata, ServiceError } from "@grpc/grpc-js";
import type { Result } from "../proto/keybroker/v1/call_pb.ts";
import { KeyService, SessionResponseSchema } from "../proto/keybroker/v1/key_service_pb.ts";
import { fromStatus, fromTransport, KeybrokerError } from "./error.ts";
import { callOverheadBytes, encodeFrame, type FrameCall } from "./frame.ts";
import { wipeAnswer, type PendingCall } from "./pending-call.ts";

const path = `/${KeyService.typeName}/${KeyService.method.session.name}`;
const maxCallsInFlight = 1024;
const maxCallsInFrame = 1000;
/** The daemon's limit for a message. */
const maxFrameBytes = 4 * 1024 * 1024;
/** A larger request travels on its own: refused by the daemon, it takes no other call with it. */
export const maxRequestBytes = maxFrameBytes - callOverheadBytes;
/** A stream that nobody uses keeps the process alive: it ends soon, since another costs no more than a call. */
const idleMs = 1_000;

const identity = (bytes: Buffer): Buffer => bytes;

/** What the session tells its owner. */
export interface SessionEvents {
  /** A call was not done. */
  failed(call: PendingCall, error: KeybrokerError): void;
  /** There may be room for more calls. */
  room(): void;
  /** An answer came: the endpoint works. */
  answered(): void;
  /** It ended; undefined where it was idle. */
  ended(error: KeybrokerError | undefined): void;
}

/** A stream of frames. It ends once: by the daemon, by the transport, by `close`, or when it was idle for a second. */
export class Session {
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  readonly #events: SessionEvents;
  readonly #inFlight = new Map<number, PendingCall>();
  readonly #idle: NodeJS.Timeout;
  #lastId = 0;
  #blocked = false;
  #open = true;
  #leaving = false;

  constructor(client: GrpcClient, metadata: Metadata, events: SessionEvents) {
    this.#events = events;
    this.#stream = client.makeBidiStreamRequest(path, identity, identity, metadata);
    this.#stream.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#stream.on("drain", () => {
      this.#blocked = false;
      events.room();
    });
    this.#stream.on("end", () => {
      this.#end(this.#leaving ? undefined : new KeybrokerError("UNAVAILABLE", "the daemon ended the session"));
    });
    this.#stream.on("error", (error: ServiceError) => this.#end(fromTransport(error)));
    this.#idle = setTimeout(() => this.#endIfIdle(), idleMs);
  }

  /** How many more calls it takes now. */
  room(): number {
    return this.#open && !this.#leaving && !this.#blocked ? maxCallsInFlight - this.#inFlight.size : 0;
  }

  /** Sends calls, at most `room()` of them, in as few frames as the limits allow. */
  send(calls: readonly PendingCall[]): void {
    let frame: FrameCall[] = [];
    let frameBytes = 0;
    for (const call of calls) {
      const callBytes = call.request.length + callOverheadBytes;
      if (frame.length === maxCallsInFrame || frameBytes + callBytes > maxFrameBytes) {
        this.#write(frame);
        frame = [];
        frameBytes = 0;
      }
      frame.push(this.#begin(call));
      frameBytes += callBytes;
    }
    if (frame.length > 0) this.#write(frame);
  }

  /** Takes no more calls, and ends when those it has are answered. */
  leave(): void {
    if (!this.#open || this.#leaving) return;
    this.#leaving = true;
    this.#stream.end();
  }

  /** Ends the stream now; its calls fail with the error, as far as they were not answered. */
  close(error: KeybrokerError): void {
    this.#stream.cancel();
    this.#end(error);
  }

  #begin(call: PendingCall): FrameCall {
    const id = ++this.#lastId;
    // A call that its caller gave up stays here until its result comes: the daemon counts it as in flight too.
    this.#inFlight.set(id, call);
    const timeoutMs = Math.max(1, Math.ceil(call.remainingMs()));
    return { id, operation: call.operation.name!, request: call.request, timeoutMs };
  }

  #write(calls: FrameCall[]): void {
    const frame = encodeFrame(calls);
    // It may hold data keys: wiped once grpc-js has written its own copy.
    if (!this.#stream.write(frame, () => frame.fill(0))) this.#blocked = true;
  }

  #receive(bytes: Buffer): void {
    for (const result of fromBinary(SessionResponseSchema, bytes).results) this.#settle(result);
    this.#events.answered();
    if (this.#inFlight.size === 0) this.#idle.refresh();
    this.#events.room();
  }

  #settle(result: Result): void {
    const id = Number(result.id);
    const call = this.#inFlight.get(id);
    const { case: name, value } = result.result;
    if (!call) return wipeAnswer(value);
    this.#inFlight.delete(id);
    if (name === "error") this.#events.failed(call, fromStatus(value));
    else if (name === call.operation.name) call.resolve(value);
    else
      this.#events.failed(call, new KeybrokerError("INTERNAL", "the daemon answered another operation", { exit: 1 }));
  }

  #endIfIdle(): void {
    if (this.#inFlight.size > 0) return;
    this.leave();
    this.#end(undefined);
  }

  #end(error: KeybrokerError | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#idle);
    const calls = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#events.ended(error);
    if (error) for (const call of calls) this.#events.failed(call, error);
  }
}
