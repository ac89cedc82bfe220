// How the fake says no: a status with the details that Google's services send.

import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { Metadata, status } from "@grpc/grpc-js";
import {
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "../../../src/proto/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../src/proto/google/rpc/status_pb.ts";

/** A call that is not answered with a message. */
export class Refusal extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;

  constructor(code: status, details: string, packed: readonly Any[] = []) {
    super(details);
    this.code = code;
    this.details = details;
    this.metadata = new Metadata();
    const message = create(StatusSchema, { code, message: details, details: [...packed] });
    if (packed.length > 0) this.metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, message)));
  }
}

export const invalid = (details: string) => new Refusal(status.INVALID_ARGUMENT, details);

export const notFound = (what: string) => new Refusal(status.NOT_FOUND, `${what} not found.`);

export function notEnabled(name: string, state: string): Refusal {
  const violations = [{ type: `KEY_${state}`, subject: name, description: "" }];
  const detail = anyPack(PreconditionFailureSchema, create(PreconditionFailureSchema, { violations }));
  return new Refusal(status.FAILED_PRECONDITION, `${name} is not enabled, current state is: ${state}.`, [detail]);
}

export function denied(permission: string, resource: string): Refusal {
  const words = `Permission '${permission}' denied on resource '${resource}' (or it may not exist).`;
  const info = create(ErrorInfoSchema, { reason: "IAM_PERMISSION_DENIED", domain: "cloudkms.googleapis.com" });
  return new Refusal(status.PERMISSION_DENIED, words, [anyPack(ErrorInfoSchema, info)]);
}

export function unauthenticated(): Refusal {
  const words =
    "Request had invalid authentication credentials. Expected OAuth 2 access token or other valid credential.";
  const info = create(ErrorInfoSchema, { reason: "ACCESS_TOKEN_EXPIRED", domain: "googleapis.com" });
  return new Refusal(status.UNAUTHENTICATED, words, [anyPack(ErrorInfoSchema, info)]);
}

/** The quota is used up; with a delay, as RetryInfo, where one is given. */
export function exhausted(retryAfterMs?: number): Refusal {
  const words =
    "Quota exceeded for quota metric 'Cryptographic requests' and limit 'Cryptographic requests per minute'.";
  if (retryAfterMs === undefined) return new Refusal(status.RESOURCE_EXHAUSTED, words);
  const seconds = BigInt(Math.floor(retryAfterMs / 1_000));
  const retryDelay = { seconds, nanos: (retryAfterMs % 1_000) * 1e6 };
  const info = create(RetryInfoSchema, { retryDelay });
  return new Refusal(status.RESOURCE_EXHAUSTED, words, [anyPack(RetryInfoSchema, info)]);
}
