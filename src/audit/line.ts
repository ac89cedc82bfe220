// One audit record as one line of JSON: built by hand, since it is on the path of every call.

import type { AuditRecord } from "./audit.ts";

/** What stands at the start of every line of one write: `{"time":"…","process":"…","seq":`. */
export function lineStart(time: Date, process: string): string {
  return `{"time":"${time.toISOString()}","process":"${process}","seq":`;
}

/**
 * A record's line, with its newline. The fields' order is fixed: time, process, seq, event, call, listener, identity,
 * operation, key, envelope, context, outcome, details. No value can end the line or the field it stands in.
 */
export function lineOf(record: AuditRecord, start: string, sequence: number): string {
  return isPlain(record) ? plainLine(record, start, sequence) : fullLine(record, start, sequence);
}

/** A call's result, with nothing left out and nothing to escape: nearly every line, so that it is made in one step. */
function isPlain({ listener, identity, operation, key, envelope, context, details }: AuditRecord): boolean {
  if (context !== undefined || details !== undefined) return false;
  return isClean(listener) && isClean(identity) && isClean(operation) && isClean(key) && isClean(envelope);
}

function isClean(text: string | undefined): boolean {
  return text !== undefined && needsNoEscape.test(text);
}

function plainLine(record: AuditRecord, start: string, sequence: number): string {
  const { event, call, listener, identity, operation, key, envelope, outcome } = record;
  if (call === undefined || outcome === undefined) return fullLine(record, start, sequence);
  return `${start}${sequence},"event":"${event}","call":${call},"listener":"${listener}","identity":"${identity}","operation":"${operation}","key":"${key}","envelope":"${envelope}","outcome":"${outcome}"}\n`;
}

function fullLine(record: AuditRecord, start: string, sequence: number): string {
  let line = `${start}${sequence},"event":"${record.event}"`;
  if (record.call !== undefined) line += `,"call":${record.call}`;
  if (record.listener !== undefined) line += `,"listener":${quoted(record.listener)}`;
  if (record.identity !== undefined) line += `,"identity":${quoted(record.identity)}`;
  if (record.operation !== undefined) line += `,"operation":${quoted(record.operation)}`;
  if (record.key !== undefined) line += `,"key":${quoted(record.key)}`;
  if (record.envelope !== undefined) line += `,"envelope":${quoted(record.envelope)}`;
  if (record.context !== undefined) line += `,"context":${json(record.context)}`;
  if (record.outcome !== undefined) line += `,"outcome":"${record.outcome}"`;
  if (record.details !== undefined) line += `,"details":${json(record.details)}`;
  return `${line}}\n`;
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
