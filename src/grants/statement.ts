// What a grant says, as the exact bytes that approvers sign: one field a line, plain ASCII, one way to write each.

import { hash } from "node:crypto";
import { conditionText, parseCondition, type Condition } from "../config/index.ts";
import { isKeyName, isRealm } from "../envelope/index.ts";
import { BrokerError } from "../errors/index.ts";

/** What is granted: to whom, for which keys, when, how much and why. */
export interface Statement {
  /** 16 random bytes, hex: two requests for the same are two grants. */
  readonly nonce: string;
  readonly realm: string;
  /** The identity that may unwrap. */
  readonly identity: string;
  /** Exact names, `prefix/*`, or `*`. */
  readonly keys: readonly string[];
  /** All must hold of the context; a call without a context meets none. */
  readonly when: readonly Condition[];
  /** Why: a ticket's number, printable ASCII. */
  readonly reason: string;
  /** Milliseconds since 1970, whole seconds; open from the first and no longer at the second. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Distinct envelopes. */
  readonly maxUnwraps: number;
  /** Who asked: an identity's or a person's name. Never one of its approvers. */
  readonly requester: string;
}

/** The first line. */
const heading = "keybroker grant v1";

const maxKeys = 64;
const maxConditions = 16;
const maxUnwraps = 1_000_000;
const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const requesterPattern = /^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/;
const reasonPattern = /^[\x21-\x7e](?:[\x20-\x7e]{0,118}[\x21-\x7e])?$/;
const timePattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

/** The text of a statement, its hash in the last line: what is signed. Throws REQUEST_INVALID when a field is not what it may be. */
export function statementText(statement: Statement): string {
  check(statement);
  const body = bodyOf(statement);
  return `${body}sha256: ${hash("sha256", body, "hex")}\n`;
}

/**
 * The id of a grant: the hash of all that it says, the first 16 bytes in hex. What says anything else has another, so
 * nobody can put a second grant in the place of a first.
 */
export function idOf(text: string): string {
  return hash("sha256", text.slice(0, text.lastIndexOf("sha256: ")), "hex").slice(0, 32);
}

/** Reads a text that `statementText` makes, and no other. Throws REQUEST_INVALID. */
export function parseStatement(text: string): Statement {
  const fields = fieldsOf(text);
  const one = (name: string): string => only(fields, name);
  const statement: Statement = {
    nonce: one("nonce"),
    realm: one("realm"),
    identity: one("identity"),
    keys: fields.get("key") ?? [],
    when: (fields.get("when") ?? []).map(readCondition),
    reason: one("reason"),
    fromMs: readTime(one("not-before")),
    untilMs: readTime(one("not-after")),
    maxUnwraps: readCount(one("max-unwraps")),
    requester: one("requester"),
  };
  // One text for each statement: nothing can be hidden in how it is written.
  if (statementText(statement) !== text) throw broken("its hash or its form does not fit what it says");
  return statement;
}

/** A condition in plain ASCII: what could look like something else stands as \uXXXX. */
export function asciiCondition(condition: Condition): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return conditionText(condition).replace(/[^\x20-\x7e]/g, escape);
}

function bodyOf(statement: Statement): string {
  const fields: [string, string | number][] = [
    ["nonce", statement.nonce],
    ["realm", statement.realm],
    ["identity", statement.identity],
    ...statement.keys.map((key): [string, string] => ["key", key]),
    ...statement.when.map((condition): [string, string] => ["when", asciiCondition(condition)]),
    ["reason", statement.reason],
    ["not-before", timeText(statement.fromMs)],
    ["not-after", timeText(statement.untilMs)],
    ["max-unwraps", statement.maxUnwraps],
    ["requester", statement.requester],
  ];
  return `${heading}\n${fields.map(([name, value]) => `${name}: ${value}\n`).join("")}`;
}

/** A time as a statement has it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

type Fields = ReadonlyMap<string, readonly string[]>;

function fieldsOf(text: string): Fields {
  const lines = text.split("\n");
  if (lines[0] !== heading) throw broken(`it does not begin with "${heading}"`);
  const fields = new Map<string, string[]>();
  for (const line of lines.slice(1, -1)) {
    const at = line.indexOf(": ");
    const name = line.slice(0, Math.max(at, 0));
    fields.set(name, [...(fields.get(name) ?? []), line.slice(at + 2)]);
  }
  return fields;
}

function only(fields: Fields, name: string): string {
  const [value, another] = fields.get(name) ?? [];
  if (value !== undefined && another === undefined) return value;
  throw broken(`it has ${value === undefined ? "no" : "more than one"} field ${name}`);
}

function readCondition(text: string): Condition {
  const { condition, fault } = parseCondition(text);
  if (condition === undefined) throw broken(fault);
  return condition;
}

function readTime(text: string): number {
  const ms = timePattern.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw broken("a time in it is not of the form 2026-11-21T10:00:00Z");
  return ms;
}

function readCount(text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw broken("its max-unwraps is no count");
  return Number(text);
}

function check(statement: Statement): void {
  const faults: [boolean, string][] = [
    [/^[0-9a-f]{32}$/.test(statement.nonce), "its nonce is not 16 bytes in hex"],
    [isRealm(statement.realm), "its realm is none"],
    [namePattern.test(statement.identity), "its identity is no name of one"],
    [areKeys(statement.keys), `it is for 1 to ${maxKeys} different keys: exact names, "prefix/*" or "*"`],
    [statement.when.length <= maxConditions, `it has at most ${maxConditions} conditions`],
    [reasonPattern.test(statement.reason), "its reason has 1 to 120 characters of plain ASCII"],
    [isPeriod(statement), "it must end after it begins, both in whole seconds"],
    [isCount(statement.maxUnwraps), `max-unwraps is a whole number from 1 to ${maxUnwraps}`],
    [requesterPattern.test(statement.requester), "its requester is no name: letters, digits and . _ @ : / -"],
  ];
  const fault = faults.find(([holds]) => !holds);
  if (fault !== undefined) throw broken(fault[1]);
}

function areKeys(keys: readonly string[]): boolean {
  const isPattern = (key: string) => key === "*" || isKeyName(key.replace(/\/\*$/, ""));
  return keys.length > 0 && keys.length <= maxKeys && new Set(keys).size === keys.length && keys.every(isPattern);
}

function isPeriod({ fromMs, untilMs }: Statement): boolean {
  const isTime = (ms: number) => Number.isSafeInteger(ms) && ms % 1_000 === 0 && ms >= 0 && ms < Date.UTC(9999, 0);
  return isTime(fromMs) && isTime(untilMs) && fromMs < untilMs;
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 1 && count <= maxUnwraps;
}

function broken(why: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", `this is no grant: ${why}`);
}
