// A daemon in this process that answers as a test tells it to, over a real unix socket.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary, type DescMethod } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { reasons, Status, type Reason } from "../../../src/errors/reason.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../src/proto/google/rpc/error_details_pb.ts";
import { StatusSchema, type Status as WireStatus } from "../../../src/proto/google/rpc/status_pb.ts";
import { KeyAdminService } from "../../../src/proto/keybroker/admin/v1/key_admin_service_pb.ts";
import { MasterKeyService } from "../../../src/proto/keybroker/admin/v1/master_key_service_pb.ts";
import { StatusService } from "../../../src/proto/keybroker/admin/v1/status_service_pb.ts";
import { ResultSchema, type Call, type Result } from "../../../src/proto/keybroker/v1/call_pb.ts";
import {
  BatchRequestSchema,
  BatchResponseSchema,
  KeyService,
  SessionRequestSchema,
  SessionResponseSchema,
} from "../../../src/proto/keybroker/v1/key_service_pb.ts";

/** A refusal, as the daemon sends it. */
export class Refusal extends Error {
  readonly reason: Reason;
  readonly retryAfterMs: number | undefined;
  constructor(reason: Reason, message = "refused", retryAfterMs?: number) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }

  status(): WireStatus {
    const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: this.reason, domain: "keybroker" }))];
    if (this.retryAfterMs !== undefined) {
      const retryDelay = { seconds: 0n, nanos: this.retryAfterMs * 1e6 };
      details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
    }
    return create(StatusSchema, { code: Status[reasons[this.reason].status], message: this.message, details });
  }
}

/** What a call asks for, as the test's handler sees it. */
export interface Asked {
  readonly name: string;
  // The tests know which fields each operation has.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly request: any;
  readonly timeoutMs: number | undefined;
  /** Whether it came in a frame of a Session. */
  readonly framed: boolean;
}

export type Handler = (asked: Asked) => unknown;

type Stream = ServerDuplexStream<Buffer, Buffer>;

/** The default handler: wrap answers "E" ‖ data key, unwrap undoes it. */
export const reversible: Handler = ({ name, request }) => {
  const { plaintext, envelope } = request as { plaintext?: Uint8Array; envelope?: Uint8Array };
  if (name === "wrap") return { envelope: Uint8Array.of(69, ...plaintext!) };
  if (name === "unwrap") return { plaintext: envelope!.slice(1), key: "default" };
  return {};
};

/** A fake daemon. */
export class FakeDaemon {
  handler: Handler;
  readonly address: string;
  readonly asked: Asked[] = [];
  /** Calls in each frame, in the order they came. */
  readonly frames: number[] = [];
  readonly sessions = new Set<Stream>();
  sessionsOpened = 0;
  readonly #folder: string;
  #server: Server | undefined;

  constructor(handler: Handler = reversible) {
    this.handler = handler;
    this.#folder = mkdtempSync(join(tmpdir(), "kb-fake-"));
    this.address = `unix:${join(this.#folder, "s")}`;
  }

  async start(credentials = ServerCredentials.createInsecure(), bind = this.address): Promise<number> {
    this.#server = new Server();
    for (const service of [KeyService, KeyAdminService, MasterKeyService, StatusService])
      for (const method of service.methods) this.#add(method);
    return new Promise((resolve, reject) =>
      this.#server!.bindAsync(bind, credentials, (error, port) => (error ? reject(error) : resolve(port))),
    );
  }

  /** Ends at once, as by kill -9. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.sessions.clear();
  }

  stop(): void {
    this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Sends an answer to a Session by hand. */
  answer(stream: Stream, ...results: Result[]): void {
    stream.write(Buffer.from(toBinary(SessionResponseSchema, create(SessionResponseSchema, { results }))));
  }

  /** A status with its trailer, as a handler of grpc-js gives it. */
  trailer(error: unknown): { code: number; details: string; metadata: Metadata } {
    return trailer(error);
  }

  do(asked: Asked): Promise<unknown> {
    this.asked.push(asked);
    return new Promise((resolve) => resolve(this.handler(asked)));
  }

  #add(method: DescMethod): void {
    const path = `/${method.parent.typeName}/${method.name}`;
    const identity = (bytes: Buffer): Buffer => bytes;
    const [type, handle] =
      method.localName === "session"
        ? ["bidi", (stream: Stream) => this.#session(stream)]
        : [
            "unary",
            (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => this.#unary(method, call, done),
          ];
    // grpc-js checks the handler's type at run time alone.
    this.#server!.register(path, handle, identity, identity, type);
  }

  #unary(method: DescMethod, call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
    const deadline = call.getDeadline();
    const timeoutMs = deadline === Infinity ? undefined : Number(deadline) - Date.now();
    const request = fromBinary(method.input, call.request);
    const answer =
      method.localName === "batch"
        ? this.#results(fromBinary(BatchRequestSchema, call.request).calls).then((results) =>
            toBinary(BatchResponseSchema, create(BatchResponseSchema, { results })),
          )
        : this.do({ name: method.localName, request, timeoutMs, framed: false }).then((message) =>
            toBinary(method.output, create(method.output, message as Record<string, unknown>)),
          );
    answer.then(
      (bytes) => done(null, Buffer.from(bytes)),
      (error: unknown) => done(trailer(error)),
    );
  }

  #session(stream: Stream): void {
    this.sessions.add(stream);
    this.sessionsOpened++;
    stream.on("data", (bytes: Buffer) => {
      const { calls } = fromBinary(SessionRequestSchema, bytes);
      this.frames.push(calls.length);
      for (const call of calls) void this.#result(call, true).then((result) => this.answer(stream, result));
    });
    stream.on("end", () => stream.end());
    stream.on("error", () => undefined);
    stream.on("close", () => this.sessions.delete(stream));
    stream.on("cancelled", () => this.sessions.delete(stream));
  }

  #results(calls: readonly Call[]): Promise<Result[]> {
    return Promise.all(calls.map((call) => this.#result(call, false)));
  }

  async #result({ id, operation, timeout }: Call, framed: boolean): Promise<Result> {
    const timeoutMs = timeout && Number(timeout.seconds) * 1000 + timeout.nanos / 1e6;
    try {
      const value = await this.do({ name: operation.case!, request: operation.value, timeoutMs, framed });
      return create(ResultSchema, { id, result: { case: operation.case, value } as never });
    } catch (error) {
      return create(ResultSchema, { id, result: { case: "error", value: statusOf(error) } });
    }
  }
}

function statusOf(error: unknown): WireStatus {
  if (error instanceof Refusal) return error.status();
  const { code, message } = error as { code: number; message: string };
  return create(StatusSchema, { code, message });
}

/** A status with its trailer, as a handler of grpc-js gives it. */
function trailer(error: unknown): { code: number; details: string; metadata: Metadata } {
  const status = statusOf(error);
  const metadata = new Metadata();
  if (error instanceof Refusal) metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return { code: status.code, details: status.message, metadata };
}
