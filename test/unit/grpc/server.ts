// A gRPC server of our front door on a unix socket in a folder of its own, and a client that speaks bytes to it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../src/proto/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../src/proto/google/rpc/status_pb.ts";
import type { Status } from "../../../src/proto/google/rpc/status_pb.ts";
import { SessionRequestSchema, SessionResponseSchema } from "../../../src/proto/keybroker/v1/key_service_pb.ts";
import type { Result } from "../../../src/proto/keybroker/v1/call_pb.ts";
import { adminServices, keyService } from "../../../src/server/grpc/index.ts";
import type { Door } from "../../../src/server/grpc/index.ts";
import type { FakeWorld } from "../../fakes/graph.ts";

const same = (bytes: Buffer) => bytes;

/** How a call failed. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly retryDelay: boolean;
}

export interface TestServer {
  readonly door: Door;
  /** One unary call with messages. */
  call<Q extends DescMessage, A extends DescMessage>(
    path: string,
    schemas: [Q, A],
    request: MessageInitShape<Q>,
  ): Promise<MessageShape<A>>;
  /** One unary call with bytes. */
  callBytes(path: string, request: Buffer): Promise<Buffer>;
  session(): SessionProbe;
  stop(): void;
}

export async function startServer(world: FakeWorld): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "kb-"));
  const address = `unix:${join(folder, "s.sock")}`;
  const server = new Server({ "grpc.max_receive_message_length": 8 << 20 });
  const door = keyService(world.service, () => world.caller);
  for (const one of [door, ...adminServices(world.service, () => world.caller)]) {
    server.addService(one.definition, one.implementation);
  }
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
  );
  const client = new Client(address, credentials.createInsecure(), { "grpc.max_receive_message_length": 64 << 20 });
  const callBytes = (path: string, request: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, request, new Metadata(), {}, (error, value) =>
        error ? reject(failureOf(error) as unknown as Error) : resolve(value!),
      );
    });
  return {
    door,
    callBytes,
    async call(path, [requestSchema, responseSchema], request) {
      const bytes = toBinary(requestSchema, create(requestSchema, request));
      return fromBinary(responseSchema, await callBytes(path, Buffer.from(bytes)));
    },
    session: () => new SessionProbe(client.makeBidiStreamRequest("/keybroker.v1.KeyService/Session", same, same)),
    stop() {
      client.close();
      server.forceShutdown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One Session as a test sees it. */
class SessionProbe {
  readonly frames: Result[][] = [];
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly ended: Promise<Failure | undefined>;
  #wake: () => void = () => undefined;

  constructor(stream: ClientDuplexStream<Buffer, Buffer>) {
    this.stream = stream;
    this.ended = new Promise((resolve) => {
      stream.on("error", (error) => resolve(failureOf(error as ServiceError)));
      stream.on("status", (status: { code: number }) => status.code === 0 && resolve(undefined));
    });
    stream.on("data", (bytes: Buffer) => {
      this.frames.push(fromBinary(SessionResponseSchema, bytes).results);
      this.#wake();
    });
  }

  send(calls: MessageInitShape<typeof SessionRequestSchema>["calls"]): void {
    this.stream.write(Buffer.from(toBinary(SessionRequestSchema, create(SessionRequestSchema, { calls }))));
  }

  get results(): Result[] {
    return this.frames.flat();
  }

  /** Waits until so many results have come. */
  async until(count: number): Promise<Result[]> {
    while (this.results.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.results;
  }
}

function failureOf(error: ServiceError): Failure {
  const [details] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const status = details ? fromBinary(StatusSchema, details as Buffer) : undefined;
  return { code: error.code, message: error.details, ...detailsOf(status) };
}

/** The reason and the hint in a google.rpc.Status. */
export function detailsOf(status: Status | undefined): { reason: string | undefined; retryDelay: boolean } {
  const infos = status?.details.map((any) => anyUnpack(any, ErrorInfoSchema)).filter((info) => info !== undefined);
  const retry = status?.details.some((any) => anyUnpack(any, RetryInfoSchema) !== undefined);
  return { reason: infos?.[0]?.reason, retryDelay: retry ?? false };
}
