// The RPCs that are one operation each: their messages, and how an answer is put into one.

import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Reason as ReasonName } from "../../errors/index.ts";
import { check, generateDataKey, inspect, rewrap, unwrap, wrap } from "../../operations/index.ts";
import type { CheckAnswer, InspectResponse, Operation, RecipientAnswer } from "../../operations/index.ts";
import * as proto from "../../proto/keybroker/v1/operation_pb.ts";
import { Reason } from "../../proto/keybroker/v1/reason_pb.ts";

/** One operation on the wire. */
export interface Rpc<Request extends DescMessage, Response extends DescMessage, Answer extends object> {
  readonly request: Request;
  readonly response: Response;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the subject is the operation's own affair
  readonly operation: Operation<MessageShape<Request>, Answer, any, any>;
  /** The answer as the response message. Literals, not create(): these run for every call. */
  format(answer: Answer): MessageShape<Response>;
}

/** Lets the compiler infer how the parts of one RPC go together. */
export function rpc<Request extends DescMessage, Response extends DescMessage, Answer extends object>(
  parts: Rpc<Request, Response, Answer>,
): Rpc<Request, Response, Answer> {
  return parts;
}

/** The RPCs of KeyService by their names in Call's and Result's oneofs. */
export const rpcs = {
  wrap: rpc({
    request: proto.WrapRequestSchema,
    response: proto.WrapResponseSchema,
    operation: wrap,
    format: (answer): proto.WrapResponse => ({
      $typeName: "keybroker.v1.WrapResponse",
      envelope: own(answer.envelope),
    }),
  }),
  unwrap: rpc({
    request: proto.UnwrapRequestSchema,
    response: proto.UnwrapResponseSchema,
    operation: unwrap,
    format: ({ plaintext, key, rewrapDue }): proto.UnwrapResponse => ({
      $typeName: "keybroker.v1.UnwrapResponse",
      plaintext: own(plaintext),
      key,
      rewrapDue,
    }),
  }),
  generateDataKey: rpc({
    request: proto.GenerateDataKeyRequestSchema,
    response: proto.GenerateDataKeyResponseSchema,
    operation: generateDataKey,
    format: ({ envelope, plaintext }): proto.GenerateDataKeyResponse => ({
      $typeName: "keybroker.v1.GenerateDataKeyResponse",
      envelope: own(envelope),
      plaintext: own(plaintext),
    }),
  }),
  rewrap: rpc({
    request: proto.RewrapRequestSchema,
    response: proto.RewrapResponseSchema,
    operation: rewrap,
    format: (answer): proto.RewrapResponse => ({
      $typeName: "keybroker.v1.RewrapResponse",
      envelope: own(answer.envelope),
    }),
  }),
  check: rpc({
    request: proto.CheckRequestSchema,
    response: proto.CheckResponseSchema,
    operation: check,
    format: formatCheck,
  }),
  inspect: rpc({
    request: proto.InspectRequestSchema,
    response: proto.InspectResponseSchema,
    operation: inspect,
    format: formatInspect,
  }),
} as const;

export type RpcName = keyof typeof rpcs;

function formatCheck(answer: CheckAnswer): proto.CheckResponse {
  const { matches, trusted, version, rewrapDue } = answer;
  const recipients = answer.recipients.map(formatRecipientCheck);
  return {
    $typeName: "keybroker.v1.CheckResponse",
    matches,
    trusted,
    version,
    rewrapDue,
    recipients,
    reason: wireReason(answer.reason),
  };
}

function formatRecipientCheck(answer: RecipientAnswer): proto.RecipientCheck {
  return { $typeName: "keybroker.v1.RecipientCheck", ...answer, reason: wireReason(answer.reason) };
}

function formatInspect({ header, recipients }: InspectResponse): proto.InspectResponse {
  return {
    $typeName: "keybroker.v1.InspectResponse",
    realm: header.realm,
    key: header.key,
    suite: header.suite,
    threshold: header.threshold,
    branchId: own(header.branchId),
    plaintextLength: header.dataKeyLength,
    recipients: header.recipients.map(({ kind, scheme, masterKeyId, version }, index) => ({
      $typeName: "keybroker.v1.Recipient",
      provider: recipients[index]!.provider,
      providerKind: recipients[index]!.kind || String(kind),
      scheme,
      masterKeyId,
      version,
    })),
  };
}

function wireReason(reason: ReasonName | undefined): Reason {
  return Reason[reason ?? "UNSPECIFIED"];
}

/** Generated types want an ArrayBuffer beneath; ours are never shared memory. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
