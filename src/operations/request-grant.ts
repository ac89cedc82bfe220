// RequestGrant: the document that approvers are asked to sign.

import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { parseCondition } from "../config/index.ts";
import type { Condition } from "../config/index.ts";
import { BrokerError } from "../errors/index.ts";
import { statementText } from "../grants/index.ts";
import type { ReadGrant, Statement } from "../grants/index.ts";
import type { RequestGrantRequest } from "../proto/keybroker/admin/v1/grant_service_pb.ts";
import { randomBytes } from "../secret/index.ts";
import { grantDetails } from "./granted.ts";
import { onNoKey } from "./no-key.ts";
import type { Operation, Subject } from "./operation.ts";

export interface RequestGrantResponse {
  readonly document: string;
  readonly grant: ReadGrant;
}

interface RequestSubject extends Subject {
  readonly when: readonly Condition[];
}

const nonceBytes = 16;

export const requestGrant: Operation<RequestGrantRequest, RequestGrantResponse, RequestSubject, object> = {
  name: "admin.grants.request",
  read: ({ conditions }) => ({ when: conditions.map(readCondition) }),
  authorise: onNoKey("admin.grants.request"),
  async act({ graph, identity, request, subject }) {
    const statement = statementOf(request, subject.when, identity.name, graph.configuration.realm);
    const document = statementText(statement);
    const grant = graph.grants.read(document);
    const details = grantDetails(grant);
    await graph.audit.append({ event: "grant-requested", identity: identity.name, grant: grant.id, details });
    return { document, grant };
  },
};

function readCondition(text: string): Condition {
  const { condition, fault } = parseCondition(text);
  if (condition !== undefined) return condition;
  throw new BrokerError("REQUEST_INVALID", fault);
}

function statementOf(
  request: RequestGrantRequest,
  when: readonly Condition[],
  asking: string,
  realm: string,
): Statement {
  const { keys, reason, maxUnwraps } = request;
  const fromMs = wholeSeconds(request.startTime === undefined ? Date.now() : timestampMs(request.startTime));
  const forMs = request.duration === undefined ? 0 : durationMs(request.duration);
  const identity = request.identity || asking;
  const requester = request.requester || asking;
  const nonce = randomBytes(nonceBytes).toString("hex");
  return { nonce, realm, identity, keys, when, reason, fromMs, untilMs: fromMs + forMs, maxUnwraps, requester };
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
