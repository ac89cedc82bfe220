// Says which master keys an envelope needs that did not open, to callers who could read it in its header anyway.

import type { Soon } from "../broker/broker.ts";
import type { KeyConfiguration } from "../config/configuration.ts";
import { kindName } from "../envelope/index.ts";
import type { Envelope } from "../envelope/types.ts";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";
import type { Identity } from "../identity/identity.ts";
import type { Graph } from "./graph.ts";

/** Who opens what. */
interface Opening {
  readonly graph: Graph;
  readonly identity: Identity;
  readonly key: KeyConfiguration;
  readonly envelope: Envelope;
}

/** Ids in envelopes may have 64 KiB; what people compare is shorter. */
const maxIdLength = 256;

/** Failures after which it helps to know whose master key is missing. */
const explained: ReadonlySet<Reason> = new Set<Reason>([
  "ENVELOPE_REFUSED",
  "KEY_DISABLED",
  "PROVIDER_UNAVAILABLE",
  "PROVIDER_TIMEOUT",
]);

/** Opens by `work`; a failure names the master keys, where the identity may inspect the envelope. */
export function explaining<Answer>(opening: Opening, work: () => Soon<Answer>): Soon<Answer> {
  const fail = (error: unknown): never => {
    throw explain(opening, error);
  };
  try {
    const answer = work();
    return answer instanceof Promise ? answer.catch(fail) : answer;
  } catch (error) {
    return fail(error);
  }
}

function explain({ graph, identity, key, envelope }: Opening, error: unknown): unknown {
  if (!isBrokerError(error) || !explained.has(error.reason)) return error;
  const { allowed } = graph.policy.decide({ identity, permission: "inspect", key: key.name });
  const needs = allowed ? needsOf(graph, key, envelope, error.reason) : undefined;
  if (needs === undefined) return error;
  const { reason, message, retryAfterMs, cause } = error;
  return new BrokerError(reason, `${message}; ${needs}`, {
    cause: cause ?? error,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Undefined where a refusal is not about the master keys: which of the rest it is would help to forge. */
function needsOf(graph: Graph, key: KeyConfiguration, envelope: Envelope, reason: Reason): string | undefined {
  const listed = graph.broker.recipientsOf(key, envelope).filter(({ provider }) => provider !== "");
  const names = [...new Set(envelope.recipients.map(nameOf))].join(", ");
  const needed = envelope.recipients.length === 1 ? names : `${envelope.threshold} of ${names}`;
  if (reason !== "ENVELOPE_REFUSED") return `it needs ${needed}`;
  if (listed.length >= envelope.threshold) return undefined;
  return `it needs ${needed}, and key ${key.name} lists ${listed.length === 0 ? "none" : "too few"} of them`;
}

function nameOf({ kind, masterKeyId }: Envelope["recipients"][number]): string {
  const id = masterKeyId.length > maxIdLength ? `${masterKeyId.slice(0, maxIdLength)}…` : masterKeyId;
  return `${kindName(kind)} ${id}`;
}
