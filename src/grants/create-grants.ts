// Makes the grants of a configuration: documents judged, uses counted.

import { join } from "node:path";
import type { Configuration } from "../config/index.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Store } from "../store/index.ts";
import { createCounter } from "./count.ts";
import type { GrantQuestion, Grants, ReadGrant, UsedGrant } from "./grants.ts";
import { isFor, objection } from "./judge.ts";
import { createLedger } from "./ledger.ts";
import { createReading } from "./reading.ts";
import { createShelf } from "./shelf.ts";

/** How long a revocation of a grant is remembered that was never opened. */
const unknownEndMs = 10 * 365 * 86_400_000;

/** What grants are made with. */
interface GrantParts {
  readonly configuration: Configuration;
  /** Undefined where none is configured: grants are then files alone. */
  readonly store: Store | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Reads the approvers' keys: throws PemError when they cannot be used. */
export function createGrants({ configuration, store, now = Date.now }: GrantParts): Grants {
  const { realm } = configuration;
  const { read, judge } = createReading(configuration, now);
  // In the audit's folder, without which no call is answered: what loses the store must not lose this.
  const ledger = createLedger(join(configuration.audit.folder, "grants"));
  const counter = createCounter(store, ledger);
  const shelf = createShelf(store, read);

  /** The grant, charged; or why it does not do. */
  async function attempt(grant: ReadGrant, question: GrantQuestion): Promise<UsedGrant | string> {
    const why = objection(grant, question, realm, now());
    if (why !== undefined) return why;
    const { maxUnwraps, untilMs } = grant.statement;
    const { envelope } = question;
    const { use, countedIn } = await counter.charge({ id: grant.id, envelope, maxUnwraps, untilMs });
    if (use === "revoked") return "it was revoked";
    if (use === "spent") return `its ${maxUnwraps} envelopes are spent`;
    return { ...grant, isNew: use === "new", countedIn };
  }

  return {
    read,
    async require(question) {
      const objections: string[] = [];
      const brought = question.document !== "";
      for (const grant of brought ? [readBrought(read, question.document)] : await opened(question)) {
        const used = await attempt(grant, question);
        if (typeof used !== "string") return used;
        objections.push(`grant ${grant.id}: ${used}`);
      }
      throw new BrokerError("DENIED", refusal(question, objections));
    },
    judge,
    async open(text) {
      const found = await shelf.put(judge(text), text, now());
      await ledger.forget(now()).catch(() => undefined);
      if (found.revokedAtMs === undefined) return found;
      throw new BrokerError("REQUEST_INVALID", `grant ${found.id} was revoked: ask for another one`);
    },
    list: () => shelf.all(now()),
    async revoke(id) {
      const known = await shelf.all(now()).catch(() => []);
      const untilMs = known.find((one) => one.id === id)?.statement.untilMs ?? now() + unknownEndMs;
      return counter.revoke(id, now(), untilMs);
    },
  };

  /** Those of the identity, the one that ends first before the others. */
  async function opened({ identity }: GrantQuestion): Promise<readonly ReadGrant[]> {
    const mine = (await storeOrAdvice(shelf.all(now()))).filter(
      ({ statement, revokedAtMs }) => isFor(statement, identity) && revokedAtMs === undefined,
    );
    return mine.sort((one, other) => one.statement.untilMs - other.statement.untilMs);
  }
}

async function storeOrAdvice<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    if (!isBrokerError(cause) || cause.reason !== "STORE_UNAVAILABLE") throw cause;
    const message = "the store that knows the open grants is away: bring the grant itself, with --grant FILE";
    throw new BrokerError("STORE_UNAVAILABLE", message, { cause });
  }
}

function readBrought(read: (document: string) => ReadGrant, document: string): ReadGrant {
  try {
    return read(document);
  } catch (error) {
    if (!isBrokerError(error)) throw error;
    throw new BrokerError("DENIED", error.message);
  }
}

/** To the caller, so that it knows what to do next. */
function refusal({ identity, key, needs }: GrantQuestion, objections: readonly string[]): string {
  const consent = needs.map(({ approvals, from }) => `approved by ${approvals} of ${from.join(", ")}`).join(" and ");
  const wanted = `identity ${identity.name} needs an open grant for key ${key}, ${consent}`;
  if (objections.length === 0) return `${wanted}: ask for one with \`keybroker grant request\``;
  return `${wanted}; ${objections.slice(0, 3).join("; ")}`;
}
