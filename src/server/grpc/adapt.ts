// The one place between grpc-js's callbacks and async functions: bytes in, bytes out, errors as a status.

import type {
  handleUnaryCall,
  Metadata,
  MethodDefinition,
  ServerUnaryCall,
  ServiceDefinition,
  ServiceError,
} from "@grpc/grpc-js";
import { toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescService } from "@bufbuild/protobuf";
import { BrokerError } from "../../errors/index.ts";
import { perform } from "../../operations/index.ts";
import type { Bounds, Caller, Service } from "../../operations/index.ts";
import { wipe } from "../../secret/index.ts";
import { decodeRequest } from "./decode.ts";
import type { Rpc } from "./rpc.ts";
import { serviceError } from "./status.ts";

/** Tells a call's listener and identity by its connection and the token in its metadata. */
export type CallerOf = (call: { getPeer(): string; readonly metadata: Metadata }) => Caller;

/** What grpc-js tells of a call's time. */
interface Timed {
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

const asBytes = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asReceived = (bytes: Buffer): Buffer => bytes;

/** A service's definition for grpc-js, with messages left as bytes: decoding is the handler's, so that it can say what is wrong. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  const methods = service.methods.map((method): [string, MethodDefinition<Buffer, Buffer>] => [
    method.localName,
    {
      path: `/${service.typeName}/${method.name}`,
      requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
      responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
      requestSerialize: asBytes,
      requestDeserialize: asReceived,
      responseSerialize: asBytes,
      responseDeserialize: asReceived,
    },
  ]);
  return Object.fromEntries(methods);
}

/** When a call's caller stops waiting, and how to hear that it went away. */
export function boundsOf(call: Timed): Bounds {
  const deadline = Number(call.getDeadline());
  const deadlineMs = deadline === Infinity ? Infinity : deadline - Date.now() + performance.now();
  return { deadlineMs, onCancel: (listener) => call.on("cancelled", listener) };
}

/** A handler of one RPC that is one operation. */
export function unary<Request extends DescMessage, Response extends DescMessage, Answer extends object>(
  service: Service,
  callerOf: CallerOf,
  rpc: Rpc<Request, Response, Answer>,
): handleUnaryCall<Buffer, Uint8Array> {
  return respond(async (call) => {
    refuseWhenDraining(service);
    const request = decodeRequest(rpc.request, call.request);
    const answer = await perform(service, service.graph(), callerOf(call), rpc.operation, request, boundsOf(call));
    return encodeAnswer(rpc, answer);
  });
}

/** Turns an async function of a unary call into grpc-js's handler. The request's bytes are wiped at the end. */
export function respond(
  answer: (call: ServerUnaryCall<Buffer, Uint8Array>) => Promise<Uint8Array>,
): handleUnaryCall<Buffer, Uint8Array> {
  return (call, callback) => {
    const settle = (failure: ServiceError | null, bytes?: Uint8Array) => {
      wipe(call.request);
      callback(failure, bytes);
    };
    answer(call).then(
      (bytes) => settle(null, bytes),
      (error: unknown) => settle(serviceError(error)),
    );
  };
}

/** Throws DRAINING once the daemon began to. */
export function refuseWhenDraining(service: Service): void {
  if (service.draining()) throw new BrokerError("DRAINING", "the daemon is shutting down: try another, or again");
}

function encodeAnswer<Request extends DescMessage, Response extends DescMessage, Answer extends object>(
  rpc: Rpc<Request, Response, Answer>,
  answer: Answer,
): Uint8Array {
  const bytes = toBinary(rpc.response, rpc.format(answer));
  wipe((answer as { plaintext?: Uint8Array }).plaintext);
  return bytes;
}
