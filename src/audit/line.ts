// The body of one audit record: its line of JSON but for what the chain puts before it. Built by hand, since it is on
// the path of every call.

import type { AuditRecord } from "./audit.ts";

/** What every body of one write begins with: `"time":"…",`. */
export function bodyStart(time: Date): string {
  return `"time":"${time.toISOString()}",`;
}

/**
 * A record's body, to its closing brace. The fields' order is fixed: time, event, call, listener, peer, identity,
 * operation, key, envelope, branch, masterKeys, contextNames, context, decision, rule, grant, outcome, durationUs,
 * details. No value can end the line or the field it stands in.
 */
export function bodyOf(record: AuditRecord, start: string): string {
  return (isPlain(record) && plainBody(record, start)) || fullBody(record, start);
}

/** A call's result, with nothing left out and nothing to escape: nearly every line, so that it is made in one step. */
function isPlain({
  listener,
  peer,
  identity,
  operation,
  key,
  envelope,
  context,
  grant,
  details,
}: AuditRecord): boolean {
  if (peer !== undefined || context !== undefined || grant !== undefined || details !== undefined) return false;
  return isClean(listener) && isClean(identity) && isClean(operation) && isClean(key) && isClean(envelope);
}

function isClean(text: string | undefined): boolean {
  return text !== undefined && needsNoEscape.test(text);
}

function plainBody(record: AuditRecord, start: string): string | undefined {
  const { event, call, listener, identity, operation, key, envelope, outcome, branch, masterKeys, contextNames } =
    record;
  const { decision, rule, durationUs } = record;
  if (call === undefined || outcome === undefined || branch === undefined || masterKeys === undefined) return undefined;
  if (contextNames === undefined || rule === undefined || durationUs === undefined) return undefined;
  return `${start}"event":"${event}","call":${call},"listener":"${listener}","identity":"${identity}","operation":"${operation}","key":"${key}","envelope":"${envelope}","branch":"${branch}","masterKeys":${listed(masterKeys)},"contextNames":${listed(contextNames)},"decision":"${decision}","rule":${rule},"outcome":"${outcome}","durationUs":${durationUs}}`;
}

function fullBody(record: AuditRecord, start: string): string {
  let line = `${start}"event":"${record.event}"`;
  if (record.call !== undefined) line += `,"call":${record.call}`;
  if (record.listener !== undefined) line += `,"listener":${quoted(record.listener)}`;
  if (record.peer !== undefined) line += `,"peer":${quoted(record.peer)}`;
  if (record.identity !== undefined) line += `,"identity":${quoted(record.identity)}`;
  if (record.operation !== undefined) line += `,"operation":${quoted(record.operation)}`;
  if (record.key !== undefined) line += `,"key":${quoted(record.key)}`;
  if (record.envelope !== undefined) line += `,"envelope":${quoted(record.envelope)}`;
  if (record.branch !== undefined) line += `,"branch":${quoted(record.branch)}`;
  if (record.masterKeys !== undefined) line += `,"masterKeys":${listed(record.masterKeys)}`;
  if (record.contextNames !== undefined) line += `,"contextNames":${listed(record.contextNames)}`;
  if (record.context !== undefined) line += `,"context":${json(record.context)}`;
  if (record.decision !== undefined) line += `,"decision":"${record.decision}"`;
  if (record.rule !== undefined) line += `,"rule":${record.rule}`;
  if (record.grant !== undefined) line += `,"grant":${quoted(record.grant)}`;
  if (record.outcome !== undefined) line += `,"outcome":"${record.outcome}"`;
  if (record.durationUs !== undefined) line += `,"durationUs":${record.durationUs}`;
  if (record.details !== undefined) line += `,"details":${json(record.details)}`;
  return `${line}}`;
}

function listed(list: readonly string[]): string {
  return list.length > 0 && list.every(isClean) ? `["${list.join('","')}"]` : json(list);
}

const needsNoEscape = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quoted(text: string): string {
  return needsNoEscape.test(text) ? `"${text}"` : json(text);
}

/** JSON in which nothing can move a terminal's cursor or end a line for a reader that splits at more than \n. */
function json(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
