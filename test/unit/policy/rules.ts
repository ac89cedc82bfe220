// Rules for tests: whole ones, of the fields that matter to a test.

import { parseCondition, type Condition, type RuleConfiguration } from "../../../src/config/index.ts";

type Given = Pick<RuleConfiguration, "who" | "may" | "keys"> &
  Partial<Omit<RuleConfiguration, "when">> & { readonly when?: readonly string[] };

/** A rule; conditions are given as texts. */
export function ruleOf({ when = [], ...given }: Given): RuleConfiguration {
  return { during: undefined, quota: [], grant: undefined, ...given, when: when.map(conditionOf) };
}

/** The condition that a text is. */
export function conditionOf(text: string): Condition {
  const { condition, fault } = parseCondition(text);
  if (condition === undefined) throw new Error(`${text}: ${fault}`);
  return condition;
}
