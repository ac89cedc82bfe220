// Turns what zod found into findings in our words: what stands there, what was expected, and the nearest valid name.

import type { z } from "zod";
import { nearest } from "./nearest.ts";
import type { Finding, Path } from "./problem.ts";

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;

/** What a schema made of a value, or all that is wrong with it. */
export type Parsed<Output> =
  { readonly value: Output; readonly findings: [] } | { readonly value: undefined; readonly findings: Finding[] };

/**
 * Parses a value that stands at `base`. Schemas may come from another copy of zod (a provider's module), so only their
 * safeParse and their structure are used.
 */
export function parseWith<Output>(schema: z.ZodType<Output>, value: unknown, base: Path): Parsed<Output> {
  const result = schema.safeParse(value, { error: words, reportInput: true });
  if (result.success) return { value: result.data, findings: [] };
  return { value: undefined, findings: result.error.issues.flatMap((issue) => findingsOf(issue, schema, base)) };
}

/** Expectations of schemas that have no words of their own. */
function words(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") return `expected ${typeWords[issue.expected] ?? issue.expected}`;
  if (issue.code === "invalid_value") return `expected one of ${issue.values.map(String).join(", ")}`;
  if (issue.code === "invalid_union") return "expected another form";
  return undefined;
}

const typeWords: Record<string, string> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

function findingsOf(issue: Issue, schema: Schema, base: Path): Finding[] {
  const path = [...base, ...(issue.path as Path)];
  if (issue.code === "unrecognized_keys") return unknownFields(issue, schema, path);
  if (issue.code === "invalid_key")
    return [{ path, atName: true, ...described(issue.issues[0]?.message ?? issue.message, path.at(-1)) }];
  if (issue.code === "invalid_union") {
    const meant = meantBranch(issue);
    if (meant !== undefined) return meant.flatMap((inner) => findingsOf(inner, schema, path));
  }
  const near =
    issue.code === "invalid_value" && typeof issue.input === "string"
      ? nearest(issue.input, issue.values.map(String))
      : undefined;
  return [{ path, ...described(issue.message, issue.input), ...(near === undefined ? {} : { nearest: near }) }];
}

/** A message that begins with "expected" gets what stands there put before it; others are whole. */
function described(message: string, input: unknown): Pick<Finding, "message" | "expected"> {
  if (!message.startsWith("expected ")) return { message };
  return { message: whatStands(input), expected: message.slice("expected ".length) };
}

/** Never the value itself: it may be a secret in the wrong place. */
function whatStands(input: unknown): string {
  if (input === undefined) return "missing";
  if (input === null) return "nothing stands here";
  if (Array.isArray(input)) return input.length === 0 ? "an empty list" : "this list does not fit";
  if (typeof input === "object") return "this map does not fit";
  if (typeof input === "string") return input === "" ? "an empty text" : "this text does not fit";
  return `this ${typeof input} does not fit`;
}

/** The branch of a union whose outermost type is that of the value, if it is one alone. */
function meantBranch(issue: z.core.$ZodIssueInvalidUnion): readonly Issue[] | undefined {
  const fits = (branch: readonly Issue[]) =>
    !branch.some(({ path, code }) => path.length === 0 && (code === "invalid_type" || code === "invalid_value"));
  const fitting = issue.errors.filter(fits);
  return fitting.length === 1 ? fitting[0] : undefined;
}

function unknownFields(issue: z.core.$ZodIssueUnrecognizedKeys, schema: Schema, path: Path): Finding[] {
  const known = fieldsAt(schema, issue.path as Path);
  return issue.keys.map((name) => {
    const near = nearest(name, known);
    const base = { path: [...path, name], atName: true, message: "unknown field" };
    if (near !== undefined) return { ...base, nearest: near };
    return known.length === 0 ? base : { ...base, expected: `one of ${known.join(", ")}` };
  });
}

/** The names of the fields that a schema's map at a path may have. */
function fieldsAt(schema: Schema, path: Path): string[] {
  const { def } = (schema as z.ZodType)._zod as unknown as { def: Definition };
  const [step, ...rest] = path;
  if (def.innerType) return fieldsAt(def.innerType, path);
  if (def.in) return fieldsAt(def.in, path);
  if (def.options) return def.options.flatMap((option) => fieldsAt(option, path));
  if (def.shape && step === undefined) return Object.keys(def.shape);
  if (step === undefined) return [];
  const next = def.shape?.[step] ?? def.valueType ?? def.element;
  return next === undefined ? [] : fieldsAt(next, rest);
}

/** The structure that zod 4's schemas show of themselves. */
interface Definition {
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly options?: readonly Schema[];
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly valueType?: Schema;
  readonly element?: Schema;
}
