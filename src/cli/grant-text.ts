// Grants as people and programs read them.

import type { GrantListing } from "../client/index.ts";
import { asciiCondition, timeText, type Statement } from "../grants/index.ts";
import { table } from "./table.ts";

/** What a document says, for who is about to sign it. */
export function statementFacts(id: string, statement: Statement): [string, string][] {
  const { realm, identity, keys, when, reason, fromMs, untilMs, maxUnwraps, requester } = statement;
  return [
    ["grant", id],
    ["realm", realm],
    ["identity", identity],
    ["keys", keys.join(", ")],
    ["conditions", when.map(asciiCondition).join(", ")],
    ["open", `${timeText(fromMs)} to ${timeText(untilMs)}`],
    ["envelopes", String(maxUnwraps)],
    ["reason", reason],
    ["requester", requester],
  ];
}

/** The same for programs. */
export function statementObject(id: string, statement: Statement): object {
  const { realm, identity, keys, when, reason, fromMs, untilMs, maxUnwraps, requester } = statement;
  const period = { startsAt: timeText(fromMs), endsAt: timeText(untilMs) };
  return { id, realm, identity, keys, conditions: when.map(asciiCondition), reason, ...period, maxUnwraps, requester };
}

/** A grant as the daemon knows it. */
export function grantFacts(grant: GrantListing): [string, string][] {
  return [
    ["grant", grant.id],
    ["identity", grant.identity],
    ["keys", grant.keys.join(", ")],
    ["conditions", grant.conditions.join(", ")],
    ["open", `${time(grant.startsAt)} to ${time(grant.endsAt)}`],
    ["envelopes", usesOf(grant)],
    ["reason", grant.reason],
    ["requester", grant.requester],
    ["approved by", grant.approvers.join(", ")],
  ];
}

/** The same for programs. */
export function grantObject(grant: GrantListing): object {
  const { id, realm, identity, keys, conditions, reason, startsAt, endsAt, maxUnwraps } = grant;
  const { requester, approvers, uses, revokedAt } = grant;
  const what = { id, realm, identity, keys, conditions, reason, startsAt, endsAt, maxUnwraps };
  return { ...what, requester, approvers, uses, ...(revokedAt && { revokedAt }), state: stateOf(grant, new Date()) };
}

/** A line for each grant. */
export function grantTable(grants: readonly GrantListing[]): string {
  const now = new Date();
  const rows = grants.map((grant) => [
    grant.id,
    stateOf(grant, now),
    grant.identity,
    grant.keys.join(", "),
    usesOf(grant),
    time(grant.endsAt),
    grant.approvers.join(", "),
    grant.reason,
  ]);
  return table(["GRANT", "STATE", "IDENTITY", "KEYS", "USED", "UNTIL", "APPROVED BY", "REASON"], rows);
}

/** How a grant is. */
function stateOf({ revokedAt, startsAt, endsAt, uses, maxUnwraps }: GrantListing, now: Date): string {
  if (revokedAt !== undefined) return "revoked";
  if (endsAt !== undefined && endsAt <= now) return "ended";
  if (startsAt !== undefined && startsAt > now) return "not yet";
  return uses >= maxUnwraps ? "spent" : "open";
}

function usesOf({ uses, maxUnwraps }: GrantListing): string {
  return `${uses} of ${maxUnwraps}`;
}

function time(date: Date | undefined): string {
  return date?.toISOString().replace(".000Z", "Z") ?? "";
}
