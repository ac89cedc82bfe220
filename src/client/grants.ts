// The grant service: requests from plain objects, answers as plain objects.

import { durationFromMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import * as proto from "../proto/keybroker/admin/v1/grant_service_pb.ts";
import { operationOf, requestOf, type Operation } from "./operation.ts";
import type { CallOptions, Client, GrantInput, GrantListing, GrantRequest } from "./types.ts";

/** What of a client calls the grant service. */
type GrantCalls = Pick<Client, "requestGrant" | "approveGrant" | "openGrant" | "listGrants" | "revokeGrant">;

/** Makes one call; the request is wiped by it. */
type CallOne = (operation: Operation, request: Buffer, options?: CallOptions) => Promise<unknown>;

const pageSize = 1000;

/** The grant calls of a client, each over `call`. */
export function grantCallsOf(call: CallOne): GrantCalls {
  return {
    async requestGrant(input, options) {
      const request = requestOf(proto.RequestGrantRequestSchema, wireOf(input));
      return (await call(requestGrant, request, options)) as GrantRequest;
    },
    async approveGrant(document, options) {
      const request = requestOf(proto.ApproveGrantRequestSchema, { document });
      return (await call(approveGrant, request, options)) as GrantListing;
    },
    async openGrant({ document, validateOnly }, options) {
      const request = requestOf(proto.OpenGrantRequestSchema, { document, validateOnly });
      return (await call(openGrant, request, options)) as GrantListing;
    },
    async listGrants(options) {
      const grants: GrantListing[] = [];
      for (let pageToken = ""; ;) {
        const request = requestOf(proto.ListGrantsRequestSchema, { pageSize, pageToken });
        const page = (await call(listGrants, request, options)) as GrantPage;
        grants.push(...page.grants);
        pageToken = page.nextPageToken;
        if (pageToken === "") return grants;
      }
    },
    async revokeGrant(id, options) {
      const request = requestOf(proto.RevokeGrantRequestSchema, { id });
      const { revoked } = (await call(revokeGrant, request, options)) as proto.RevokeGrantResponse;
      return revoked;
    },
  };
}

interface GrantPage {
  readonly grants: readonly GrantListing[];
  readonly nextPageToken: string;
}

const methods = proto.GrantService.method;
const requestGrant = operationOf(methods.requestGrant, ({ document, grant }) => ({
  document,
  grant: listingOf(grant),
}));
const approveGrant = operationOf(methods.approveGrant, ({ grant }) => listingOf(grant));
const openGrant = operationOf(methods.openGrant, ({ grant }) => listingOf(grant));
const listGrants = operationOf(methods.listGrants, ({ grants, nextPageToken }) => ({
  grants: grants.map(listingOf),
  nextPageToken,
}));
const revokeGrant = operationOf(methods.revokeGrant);

function wireOf({ startsAt, durationMs, ...input }: GrantInput) {
  return {
    ...input,
    keys: [...input.keys],
    conditions: [...(input.conditions ?? [])],
    ...(startsAt && { startTime: timestampFromDate(startsAt) }),
    duration: durationFromMs(durationMs),
  };
}

function listingOf(grant: proto.Grant | undefined): GrantListing {
  if (grant === undefined) throw new TypeError("the daemon's answer has no grant");
  const { startTime, endTime, revokeTime, ...rest } = grant;
  const dateOf = (time: typeof startTime) => time && timestampDate(time);
  return { ...rest, startsAt: dateOf(startTime), endsAt: dateOf(endTime), revokedAt: dateOf(revokeTime) };
}
