// Calls that a rule lets through under a grant alone: which they are, and the grant's record.

import type { GrantRequirement, KeyConfiguration, Permission } from "../config/configuration.ts";
import { BrokerError } from "../errors/index.ts";
import { asciiCondition, timeText } from "../grants/index.ts";
import type { ReadGrant } from "../grants/index.ts";
import type { Graph } from "./graph.ts";
import { denied } from "./denied.ts";
import type { Asker, Subject } from "./operation.ts";
import { fingerprint } from "./recorded.ts";

/**
 * What the rules of an allowed call ask for; undefined where it is nothing, as it nearly always is. Where a token is
 * within another identity, the rule of each may ask. Throws DENIED.
 */
export function grantNeeds(
  { policy, configuration }: Graph,
  { identity, record }: Asker,
  permission: Permission,
  { name: key }: KeyConfiguration,
  { context }: Subject,
): readonly GrantRequirement[] | undefined {
  const own = configuration.policy[record.rule ?? -1]?.grant;
  const { within } = identity;
  if (within === undefined) return own && [own];
  const outer = policy.decide({ identity: within, permission, key, context });
  // Asked a moment before, it allowed: a window of time may have ended meanwhile.
  if (!outer.allowed) throw denied({ identity, record }, permission, key);
  const needs = [own, configuration.policy[outer.rule]?.grant];
  const asked = needs.filter((one) => one !== undefined);
  return asked.length === 0 ? undefined : asked;
}

/** Charges the call's envelope to a grant, and writes that down. Throws DENIED, STORE_UNAVAILABLE, AUDIT_UNAVAILABLE. */
export async function underGrant(
  graph: Graph,
  { identity, record }: Asker,
  { name: key }: KeyConfiguration,
  { context, envelopeBytes, grant: document = "" }: Subject,
  needs: readonly GrantRequirement[],
): Promise<void> {
  record.decision = "denied";
  if (envelopeBytes === undefined) throw new BrokerError("DENIED", "a grant is for envelopes, and this call has none");
  const envelope = fingerprint(envelopeBytes);
  const used = await graph.grants.require({ identity, key, context, envelope, needs, document });
  record.decision = "allowed";
  record.grant = used.id;
  if (!used.isNew) return;
  const { name } = identity;
  const details = { ...grantDetails(used), countedIn: used.countedIn };
  await graph.audit.append({ event: "grant-used", identity: name, key, envelope, grant: used.id, details });
}

/** What the audit says of a grant. */
export function grantDetails({ statement, approvers }: ReadGrant): Record<string, string | number | readonly string[]> {
  const { identity, keys, when, reason, fromMs, untilMs, maxUnwraps, requester } = statement;
  const period = { from: timeText(fromMs), until: timeText(untilMs) };
  const conditions = when.map(asciiCondition);
  return { for: identity, keys, conditions, reason, ...period, maxUnwraps, requester, approvers };
}
