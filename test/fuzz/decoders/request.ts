// Requests of every RPC, and frames of a Session: protobuf, then what each operation reads of it.

import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { isBrokerError } from "../../../src/errors/index.ts";
import type { Subject } from "../../../src/operations/operation.ts";
import { SessionRequestSchema } from "../../../src/proto/keybroker/v1/key_service_pb.ts";
import { admitFrame } from "../../../src/server/grpc/calls.ts";
import { decodeRequest, refuseUnknown } from "../../../src/server/grpc/decode.ts";
import { rpcs, type RpcName } from "../../../src/server/grpc/rpc.ts";
import { must, outcomeOf, type Decoder } from "../decoder.ts";
import { envelopes } from "./envelope.ts";

const names = Object.keys(rpcs).sort() as RpcName[];
const context = { host: "db-1", set: "nightly" };
const allowed = new Set(["REQUEST_INVALID", "FIELD_UNKNOWN", "ENVELOPE_REFUSED"]);

function refusal(error: unknown): string {
  must(isBrokerError(error) && allowed.has(error.reason), `a refusal, not ${String(error)}`);
  return `${error.reason} ${outcomeOf(error)}`;
}

/** Fields that any of the requests may have. */
const fields = { key: "backups/db", context, plaintext: Buffer.alloc(32, 7), envelope: envelopes[0]! };

function encoded<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  return toBinary(schema, create(schema, init));
}

function requestOf(name: RpcName, given: object): Uint8Array {
  const schema = rpcs[name].request as DescMessage;
  const known = Object.entries(given).filter(([field]) => schema.fields.some(({ localName }) => localName === field));
  return encoded(schema, Object.fromEntries(known));
}

/** The first byte chooses the RPC. */
export const request: Decoder = {
  name: "request",
  seeds: names.flatMap((name, index) =>
    [fields, { ...fields, key: "", context: {} }].map((given) =>
      Buffer.concat([Buffer.from([index]), requestOf(name, given)]),
    ),
  ),
  words: [
    "\x0a",
    "\x12",
    "\x1a",
    "\x22",
    "\xff\xff\xff\xff\x0f",
    "host",
    "../x",
    "a//b",
    "\u0000",
    "__proto__",
    "db-1",
  ],
  check(input) {
    const name = names[(input[0] ?? 0) % names.length]!;
    const { request: schema, operation } = rpcs[name];
    try {
      const message = decodeRequest(schema as DescMessage, input.subarray(1));
      const subject = operation.read(message as never) as Subject;
      must(subject.keyName !== undefined && /^[a-z0-9._/-]{1,128}$/.test(subject.keyName), "a request is about a key");
      return `${name}: read`;
    } catch (error) {
      return `${name}: ${refusal(error)}`;
    }
  },
};

const calls = names.slice(0, 3).map((name, index) => ({
  id: BigInt(index + 1),
  operation: { case: name, value: create(rpcs[name].request as DescMessage) },
}));

/** A Session's frames and a Batch: the same bytes. */
export const session: Decoder = {
  name: "session",
  seeds: [
    encoded(SessionRequestSchema, { calls: calls as never }),
    encoded(SessionRequestSchema, {
      calls: [{ id: 9n, operation: { case: "unwrap", value: { envelope: envelopes[1]!, context } } }],
    }),
  ],
  words: ["\x0a\x00", "\x08\x01", "\x12\x00", "\x1a\x00", "\x7a\x00"],
  check(input) {
    try {
      const frame = decodeRequest(SessionRequestSchema, input);
      const inFlight = new Set<bigint>();
      admitFrame(frame.calls, inFlight);
      must(inFlight.size === frame.calls.length, "every call of a frame is admitted, or none");
      for (const call of frame.calls) {
        refuseUnknown(call);
        if (call.operation.case !== undefined) rpcs[call.operation.case].operation.read(call.operation.value as never);
      }
      return `read: ${frame.calls.map(({ operation }) => operation.case).join(" ")}`.slice(0, 60);
    } catch (error) {
      return refusal(error);
    }
  },
};
