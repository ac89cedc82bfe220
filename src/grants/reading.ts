// Reads documents by a configuration: who approved them, and whether any rule would ever take them.

import type { Configuration } from "../config/index.ts";
import { BrokerError } from "../errors/index.ts";
import { readApprovers } from "./approvals.ts";
import { parseDocument, type Document } from "./document.ts";
import type { Grants, ReadGrant } from "./grants.ts";
import { objectionOfAll, objectionToPlace } from "./judge.ts";

/** Documents whose signatures need not be verified again. */
const maxKnown = 64;

/** Reads the approvers' keys: throws PemError when they cannot be used. */
export function createReading(configuration: Configuration, now: () => number): Pick<Grants, "read" | "judge"> {
  const approvers = readApprovers(configuration.approvers);
  const parse = remembering(parseDocument);

  function read(text: string): ReadGrant {
    const document = parse(text);
    return { id: document.id, statement: document.statement, approvers: approvers.of(document) };
  }

  return {
    read,
    judge(text) {
      const grant = read(text);
      // One that opens later may be opened now.
      const atMs = Math.max(now(), grant.statement.fromMs);
      const why = objectionToPlace(grant.statement, configuration.realm, atMs) ?? objectionOfAll(grant, configuration);
      if (why === undefined) return grant;
      throw new BrokerError("REQUEST_INVALID", `this grant cannot be opened: ${why}`);
    },
  };
}

function remembering(parse: (text: string) => Document): (text: string) => Document {
  const known = new Map<string, Document>();
  return (text) => {
    const document = known.get(text) ?? parse(text);
    if (known.size >= maxKnown) known.clear();
    known.set(text, document);
    return document;
  };
}
