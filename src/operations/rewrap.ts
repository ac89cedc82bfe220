// Rewrap: seals an envelope's data key anew; the context's hash is carried over unseen.

import { explaining } from "./explain.ts";
import { onKey } from "./on-key.ts";
import type { Operation } from "./operation.ts";
import { checkNamedKey, readEnvelope } from "./requests.ts";
import type { EnvelopeSubject } from "./requests.ts";

export interface RewrapRequest {
  readonly envelope: Uint8Array;
  readonly key: string;
  /** A grant's document; empty, or left out, where there is none. */
  readonly grant?: string;
}

export interface RewrapResponse {
  readonly envelope: Uint8Array;
}

export const rewrap: Operation<RewrapRequest, RewrapResponse, EnvelopeSubject> = {
  name: "rewrap",
  read: readEnvelope,
  authorise: onKey("rewrap"),
  async act({ graph, identity, request, subject, scope }, key) {
    checkNamedKey(graph, key, request.key);
    const { envelope } = subject;
    const opening = { graph, identity, key, envelope };
    return { envelope: await explaining(opening, () => graph.broker.rewrap(key, envelope, scope)) };
  },
};
