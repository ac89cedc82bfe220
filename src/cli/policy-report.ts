// What `keybroker policy` says: for people, and as objects for programs.

import { conditionText, grantText, quotaText, windowText } from "../config/index.ts";
import type { Configuration, LoadedConfiguration, Path, RuleConfiguration } from "../config/index.ts";
import type { Explanation, PolicyReview } from "../policy/index.ts";
import { oneLine } from "./failure.ts";
import type { PolicyQuestion } from "./policy-question.ts";
import { table } from "./table.ts";

/** A configuration, and where its rules stand. */
interface Source {
  readonly configuration: Configuration;
  readonly locate: LoadedConfiguration["locate"];
}

/** An explanation for each identity that must be allowed. */
export interface Explained extends Source {
  readonly asked: PolicyQuestion;
  readonly explained: readonly (Explanation & { readonly identity: string })[];
  readonly isAllowed: boolean;
}

/** A look over a policy. */
export interface Reviewed extends Source {
  readonly review: PolicyReview;
}

/** Rules for others that are named one by one. */
const maxOthers = 10;

/** An explanation as lines. */
export function explanationText({ asked, explained, isAllowed, ...source }: Explained): string {
  const { key, keyExists } = asked;
  const lines = [
    isAllowed ? "allowed" : "denied",
    ...(keyExists ? [] : [`there is no key "${key}": every call for it is denied`]),
    ...explained.flatMap((one) => oneText(source, one)),
  ];
  return lines.map((line) => `${oneLineIndented(line)}\n`).join("");
}

/** Names and values may come from elsewhere: what could move a terminal's cursor is replaced; indentation stays. */
function oneLineIndented(line: string): string {
  return `${/^ */.exec(line)![0]}${oneLine(line)}`;
}

function oneText(source: Source, { identity, decision, verdicts }: Explained["explained"][number]): string[] {
  const { policy } = source.configuration;
  const others = verdicts.filter(({ isFor }) => !isFor).map(({ rule }) => ruleName(source, rule));
  const named = others.slice(0, maxOthers).join("; ");
  const more = others.length > maxOthers ? ` and ${others.length - maxOthers} more` : "";
  return [
    decision.allowed ? `${identity}: allowed by ${ruleName(source, decision.rule)}` : `${identity}: no rule allows it`,
    ...(decision.allowed ? termsOf(policy[decision.rule]!).map((term) => `  ${term}`) : []),
    ...verdicts
      .filter(({ rule, isFor }) => isFor && !(decision.allowed && decision.rule === rule))
      .map(
        ({ rule, obstacles }) =>
          `  not ${ruleName(source, rule)}: ${obstacles.join("; ") || "another stands before it"}`,
      ),
    ...(others.length > 0 ? [`  for others: ${named}${more}`] : []),
  ];
}

/** Such as `policy[2] (line 41)`: the number is the one in audit records. */
function ruleName(source: Source, rule: number): string {
  return `policy[${rule}] (line ${lineOf(source, ["policy", rule])})`;
}

function lineOf({ locate }: Source, path: Path): number {
  return locate(path).line;
}

/** What a rule is, and what it asks for. */
function termsOf({ who, may, keys, when, during, quota, grant }: RuleConfiguration): string[] {
  return [
    `who: ${who.join(", ")}; may: ${may.join(", ")}; keys: ${keys.join(", ")}`,
    ...(when.length > 0 ? [`when: ${when.map(conditionText).join(" and ")}`] : []),
    ...(during === undefined ? [] : [`during: ${windowText(during)}`]),
    ...(quota.length > 0 ? [`quota: ${quota.map(quotaText).join(", ")}`] : []),
    ...(grant === undefined ? [] : [`asks for ${grantText(grant)}`]),
  ];
}

/** An explanation for programs. */
export function explanationObject({ asked, explained, isAllowed, ...source }: Explained): object {
  const { permission, key, keyExists, context, nowMs } = asked;
  return {
    allowed: isAllowed,
    operation: permission,
    key,
    keyExists,
    context,
    at: new Date(nowMs).toISOString(),
    identities: explained.map(({ identity, decision, verdicts }) => ({
      identity,
      allowed: decision.allowed,
      ...(decision.allowed && { rule: ruleObject(source, decision.rule) }),
      rules: verdicts.map(({ rule, isFor, obstacles }) => ({
        ...placeOf(source, rule),
        forIdentity: isFor,
        allows: obstacles.length === 0,
        obstacles,
      })),
    })),
  };
}

function placeOf(source: Source, rule: number) {
  return { rule, line: lineOf(source, ["policy", rule]) };
}

function ruleObject(source: Source, rule: number): object {
  const { when, during, quota, grant } = source.configuration.policy[rule]!;
  return {
    ...placeOf(source, rule),
    when: when.map(conditionText),
    during: during && windowText(during),
    quota: quota.map(quotaText),
    grant,
  };
}

/** A look over a policy as lines: what was found, then who can unwrap what. */
export function reviewText({ review, ...source }: Reviewed): string {
  const found = review.findings.map(({ path, atName, message }) => {
    const { line, column } = source.locate(path, atName);
    return `${source.configuration.file ?? "configuration"}:${line}:${column}: ${oneLine(message)}\n`;
  });
  const rows = review.unwrapRights.map(({ identity, rule, keys }) => {
    const { when, during, quota, grant } = source.configuration.policy[rule]!;
    const terms = [...when.map(conditionText), ...(during ? [windowText(during)] : []), ...quota.map(quotaText)];
    return [
      identity,
      keys.join(", "),
      ruleName(source, rule),
      [...terms, ...(grant ? [grantText(grant)] : [])].join("; "),
    ];
  });
  const rights =
    rows.length === 0 ? "nobody can unwrap anything\n" : table(["WHO CAN UNWRAP", "WITH", "BY", "IF"], rows);
  return [...found, ...(found.length > 0 ? ["\n"] : []), rights].join("");
}

/** The same for programs. */
export function reviewObject({ review, ...source }: Reviewed): object {
  return {
    ok: review.findings.length === 0,
    findings: review.findings.map(({ kind, path, atName, message }) => ({
      kind,
      path,
      ...source.locate(path, atName),
      message,
    })),
    unwrap: review.unwrapRights.map(({ identity, rule, keys }) => ({ identity, keys, ...ruleObject(source, rule) })),
  };
}
