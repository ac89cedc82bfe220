// Whether a grant lets a call through, and if not, why: the first sentence that its owner needs to hear.

import { covers, type Configuration, type GrantRequirement } from "../config/index.ts";
import { conditionHolds } from "../policy/index.ts";
import type { GrantQuestion, ReadGrant } from "./grants.ts";
import { timeText, type Statement } from "./statement.ts";

/** Why a grant does not let a call through; undefined when it does, as far as what it says goes. */
export function objection(grant: ReadGrant, question: GrantQuestion, realm: string, nowMs: number): string | undefined {
  const { statement } = grant;
  return (
    objectionToCall(statement, question) ??
    objectionToPlace(statement, realm, nowMs) ??
    firstOf(question.needs.map((needs) => objectionToTerms(grant, needs)))
  );
}

function firstOf(objections: readonly (string | undefined)[]): string | undefined {
  return objections.find((one) => one !== undefined);
}

/** Whether a grant is for this caller: for its identity, or the one that it is within. */
export function isFor({ identity }: Statement, caller: GrantQuestion["identity"]): boolean {
  return identity === caller.name || identity === caller.within?.name;
}

function objectionToCall(statement: Statement, { identity, key, context }: GrantQuestion): string | undefined {
  if (!isFor(statement, identity)) return `it is for identity ${statement.identity}`;
  if (!statement.keys.some((pattern) => covers(pattern, key))) return `it is not for key ${key}`;
  if (statement.when.every((condition) => conditionHolds(condition, identity, context))) return undefined;
  return "the context does not meet its conditions";
}

/** Whether it is for another realm, or another time. */
export function objectionToPlace(statement: Statement, realm: string, nowMs: number): string | undefined {
  if (statement.realm !== realm) return `it is for realm ${statement.realm}`;
  if (nowMs < statement.fromMs) return `it opens at ${timeText(statement.fromMs)}`;
  if (nowMs >= statement.untilMs) return `it ended at ${timeText(statement.untilMs)}`;
  return undefined;
}

/** Whether it is more than a rule lets anyone approve, or too few approved it. */
function objectionToTerms({ statement, approvers }: ReadGrant, needs: GrantRequirement): string | undefined {
  const { fromMs, untilMs, maxUnwraps } = statement;
  if (untilMs - fromMs > needs.maxForMs)
    return `it is open for ${minutes(untilMs - fromMs)}, and the rule allows ${minutes(needs.maxForMs)}`;
  if (maxUnwraps > needs.maxUnwraps)
    return `it is for ${maxUnwraps} envelopes, and the rule allows ${needs.maxUnwraps}`;
  const counted = approvers.filter((name) => needs.from.includes(name));
  if (counted.length >= needs.approvals) return undefined;
  const by = counted.length === 0 ? "" : `, by ${counted.join(", ")}`;
  return `it has ${counted.length} of ${needs.approvals} approvals${by}; ${needs.from.join(", ")} may give them, but not its requester`;
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / 60_000)} minutes`;
}

/**
 * Why no rule of the policy would take a grant; undefined where one might. What it says of keys and context is judged
 * with each call.
 */
export function objectionOfAll(grant: ReadGrant, { policy, groups }: Configuration): string | undefined {
  const { identity } = grant.statement;
  const names = [identity, ...[...groups].filter(([, members]) => members.includes(identity)).map(([name]) => name)];
  const rules = policy.filter(({ who, grant: needs }) => needs !== undefined && who.some((one) => names.includes(one)));
  if (rules.length === 0) return `no rule asks for a grant of identity ${identity}`;
  const objections = rules.map(({ grant: needs }) => objectionToTerms(grant, needs!));
  return objections.includes(undefined) ? undefined : objections[0];
}
