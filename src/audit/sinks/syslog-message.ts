// Records as messages of syslog (RFC 5424), the line of JSON whole in each.

import { hostname } from "node:os";
import type { Item } from "./sink.ts";

/** Facility 13, log audit; severities of RFC 5424, table 2. */
const facility = 13;
const severities = { warning: 4, informational: 6 } as const;

/** 32473 is the enterprise number for documentation (RFC 5612): keybroker has none of its own. */
const elementId = "keybroker@32473";
const parameters = ["log", "seq", "call", "identity", "operation", "key", "outcome"] as const;

/** Printable US-ASCII, as header fields are, and no longer than they may be. */
function headerField(text: string, longest: number): string {
  const plain = text.replace(/[^\x21-\x7e]/g, "").slice(0, longest);
  return plain === "" ? "-" : plain;
}

const host = headerField(hostname(), 255);

/** The message of an item, without framing. */
export function syslogMessage({ line, fields }: Item): string {
  const priority = facility * 8 + severities[isQuiet(fields) ? "informational" : "warning"];
  const time = typeof fields["time"] === "string" ? headerField(fields["time"], 32) : "-";
  const event = typeof fields["event"] === "string" ? headerField(fields["event"], 32) : "-";
  return `<${priority}>1 ${time} ${host} keybroker ${process.pid} ${event} ${element(fields)} ${line}`;
}

function isQuiet({ outcome, event }: Item["fields"]): boolean {
  return event !== "repaired" && (outcome === undefined || outcome === "done");
}

function element(fields: Item["fields"]): string {
  const found = parameters.flatMap((name) => {
    const value = fields[name];
    return typeof value === "string" || typeof value === "number" ? [` ${name}="${escaped(String(value))}"`] : [];
  });
  return found.length === 0 ? "-" : `[${elementId}${found.join("")}]`;
}

function escaped(value: string): string {
  return value.replace(/[\\"\]]/g, "\\$&");
}

/** A message for a stream: RFC 6587, section 3.4.1, octet counting. */
export function octetCounted(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`;
}
