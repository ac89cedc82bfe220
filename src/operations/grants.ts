// ApproveGrant, OpenGrant, ListGrants and RevokeGrant.

import type { AuditRecord } from "../audit/audit.ts";
import { BrokerError } from "../errors/index.ts";
import type { OpenGrant, ReadGrant } from "../grants/index.ts";
import { grantDetails } from "./granted.ts";
import type { Graph } from "./graph.ts";
import { onNoKey } from "./no-key.ts";
import type { Operation, Subject } from "./operation.ts";
import { checkPageSize, pageOf } from "./pages.ts";

interface DocumentRequest {
  readonly document: string;
}

interface OpenGrantRequest extends DocumentRequest {
  readonly validateOnly: boolean;
}

interface ListGrantsRequest {
  /** 0 means 100. */
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListGrantsResponse {
  readonly grants: readonly OpenGrant[];
  readonly nextPageToken: string;
}

interface RevokeGrantRequest {
  readonly id: string;
}

export interface RevokeGrantResponse {
  /** False where it was revoked before. */
  readonly revoked: boolean;
}

/** What answers with one grant. */
export interface GrantResponse {
  readonly grant: ReadGrant | OpenGrant;
}

export const approveGrant: Operation<DocumentRequest, GrantResponse, Subject, object> = {
  name: "admin.grants.approve",
  read: () => ({}),
  authorise: onNoKey("admin.grants.approve"),
  async act({ graph, identity, request }) {
    const grant = graph.grants.read(request.document);
    if (grant.approvers.length === 0) throw new BrokerError("REQUEST_INVALID", unapproved);
    await note(graph, "grant-approved", identity.name, grant);
    return { grant };
  },
};

const unapproved =
  "no approver of the configuration has signed this, or only its requester or someone who acts as its identity: their signatures do not count";

export const openGrant: Operation<OpenGrantRequest, GrantResponse, Subject, object> = {
  name: "admin.grants.open",
  read: () => ({}),
  authorise: onNoKey("admin.grants.open"),
  async act({ graph, identity, request }) {
    const judged = graph.grants.judge(request.document);
    if (request.validateOnly) return { grant: judged };
    // On record before it counts: a grant that nobody can trace must not be open.
    await note(graph, "grant-opened", identity.name, judged);
    return { grant: await graph.grants.open(request.document) };
  },
};

export const listGrants: Operation<ListGrantsRequest, ListGrantsResponse, Subject, object> = {
  name: "admin.grants.list",
  read({ pageSize }) {
    checkPageSize(pageSize);
    return {};
  },
  authorise: onNoKey("admin.grants.list"),
  async act({ graph, request }) {
    const all = [...(await graph.grants.list())].sort((one, other) => (one.id < other.id ? -1 : 1));
    const { items, nextPageToken } = pageOf(all, ({ id }) => id, request);
    return { grants: items, nextPageToken };
  },
};

export const revokeGrant: Operation<RevokeGrantRequest, RevokeGrantResponse, Subject, object> = {
  name: "admin.grants.revoke",
  read({ id }) {
    if (/^[0-9a-f]{32}$/.test(id)) return {};
    throw new BrokerError("REQUEST_INVALID", "a grant's id has 32 hex digits: see keybroker grant list");
  },
  authorise: onNoKey("admin.grants.revoke"),
  async act({ graph, identity, request }) {
    const { id } = request;
    await graph.audit.append({ event: "grant-revoked", identity: identity.name, grant: id });
    return { revoked: await graph.grants.revoke(id) };
  },
};

function note(graph: Graph, event: AuditRecord["event"], identity: string, grant: ReadGrant): Promise<void> {
  return graph.audit.append({ event, identity, grant: grant.id, details: grantDetails(grant) });
}
