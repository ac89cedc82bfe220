// Says of every rule why it allows something or does not: for people who write policies, never for callers.

import { conditionText, covers, namesKey, windowText } from "../config/index.ts";
import type { Condition, Configuration, RuleConfiguration } from "../config/index.ts";
import { attributeOf, conditionHolds } from "./conditions.ts";
import { createPolicy } from "./create-policy.ts";
import type { Asker, Decision, Question } from "./policy.ts";
import { createWindow } from "./window.ts";

/** The parts of a configuration that a policy is made of. */
type Rules = Pick<Configuration, "policy" | "groups">;

/** What one rule says to a question. */
interface RuleVerdict {
  /** Its index in the configuration. */
  readonly rule: number;
  /** It speaks of the identity, by its name or by a group. */
  readonly isFor: boolean;
  /** What keeps it from allowing, a phrase each; none: it allows, or would if none before it did. */
  readonly obstacles: readonly string[];
}

/** A decision with its grounds. */
export interface Explanation {
  readonly decision: Decision;
  /** In the file's order. */
  readonly verdicts: readonly RuleVerdict[];
}

/** Decides as the daemon does, and says what each rule has to do with it. */
export function explain({ policy, groups }: Rules, question: Question): Explanation {
  const asked = { ...question, nowMs: question.nowMs ?? Date.now() };
  const decision = createPolicy(policy, groups).decide(asked);
  const verdicts = policy.map((rule, index) => {
    const isFor = rule.who.some((who) => who === asked.identity.name || groups.get(who)?.includes(asked.identity.name));
    return { rule: index, isFor, obstacles: obstaclesOf(rule, isFor, asked) };
  });
  return { decision, verdicts };
}

type Asked = Question & { readonly nowMs: number };

function obstaclesOf(rule: RuleConfiguration, isFor: boolean, asked: Asked): string[] {
  const { identity, permission, context, nowMs } = asked;
  return [
    ...(isFor ? [] : [`it is for ${rule.who.join(", ")}`]),
    ...(rule.may.includes(permission) ? [] : [`it allows ${rule.may.join(", ")}`]),
    ...(speaksOf(rule, asked) ? [] : [`its keys are ${rule.keys.join(", ")}`]),
    ...rule.when
      .filter((condition) => !conditionHolds(condition, identity, context))
      .map((condition) => `${conditionText(condition)} does not hold: ${shortfall(condition, identity, context)}`),
    ...(rule.during === undefined || createWindow(rule.during)(nowMs)
      ? []
      : [`the time is not within ${windowText(rule.during)}`]),
  ];
}

function speaksOf({ keys }: RuleConfiguration, { permission, key }: Asked): boolean {
  if (key === undefined) return !namesKey(permission) && keys.includes("*");
  return keys.some((pattern) => covers(pattern, key));
}

/** What there is in place of what a condition asks for. */
function shortfall({ name, is }: Condition, identity: Asker, context: Question["context"]): string {
  if (context === undefined) return "the operation brings no context";
  if (!Object.hasOwn(context, name)) return `the context has no ${name}`;
  if ("oneOf" in is) return `the context's ${name} is ${JSON.stringify(context[name])}`;
  const attribute = attributeOf(identity, is.attribute);
  if (attribute === undefined) return `${identity.name} has no attribute ${is.attribute}`;
  return `the context's ${name} is ${JSON.stringify(context[name])}, the identity's ${is.attribute} ${JSON.stringify(attribute)}`;
}
