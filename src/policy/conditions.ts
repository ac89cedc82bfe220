// Whether what a rule asks for besides who, what and which key is so: its conditions on the context, and its times.

import { nameAttribute, type Condition } from "../config/index.ts";
import type { RuleConfiguration } from "../config/configuration.ts";
import type { Asker, Question } from "./policy.ts";
import { createWindow } from "./window.ts";

/** Answers whether a rule's conditions hold for a question. */
export type Holds = (question: Question) => boolean;

/** The conditions and times of a rule as one answer. Undefined when it has none. */
export function holdsOf({ when, during }: RuleConfiguration): Holds | undefined {
  if (when.length === 0 && during === undefined) return undefined;
  const isOpen = during === undefined ? () => true : createWindow(during);
  return (question) =>
    when.every((condition) => conditionHolds(condition, question.identity, question.context)) &&
    isOpen(question.nowMs ?? Date.now());
}

/** Whether a context and an identity meet a condition. What is missing on either side never does. */
export function conditionHolds({ name, is }: Condition, identity: Asker, context: Question["context"]): boolean {
  if (context === undefined || !Object.hasOwn(context, name)) return false;
  const value = context[name]!;
  return "attribute" in is ? value === attributeOf(identity, is.attribute) : is.oneOf.includes(value);
}

/** What is known of an identity under a name; undefined when nothing is. */
export function attributeOf({ name, attributes }: Asker, attribute: string): string | undefined {
  if (attribute === nameAttribute) return name;
  return attributes !== undefined && Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
}
