// Unwrap: opens an envelope for a caller who repeats its context.

import type { Context } from "../envelope/types.ts";
import { explaining } from "./explain.ts";
import { onKey } from "./on-key.ts";
import type { Operation } from "./operation.ts";
import { checkNamedKey, readOpening } from "./requests.ts";
import type { OpeningSubject } from "./requests.ts";
import { after } from "./soon.ts";

export interface UnwrapRequest {
  readonly envelope: Uint8Array;
  readonly context: Context;
  readonly key: string;
  /** A grant's document; empty, or left out, where there is none. */
  readonly grant?: string;
}

export interface UnwrapResponse {
  /** In a buffer of its own; whoever sends it wipes it. */
  readonly plaintext: Uint8Array;
  readonly key: string;
  readonly rewrapDue: boolean;
}

export const unwrap: Operation<UnwrapRequest, UnwrapResponse, OpeningSubject> = {
  name: "unwrap",
  read: readOpening,
  authorise: onKey("unwrap"),
  act({ graph, identity, request, subject, scope }, key) {
    checkNamedKey(graph, key, request.key);
    const { envelope, contextHash } = subject;
    const opening = { graph, identity, key, envelope };
    const unsealed = explaining(opening, () => graph.broker.unwrap(key, envelope, contextHash, scope));
    return after(unsealed, ({ dataKey, rewrapDue }) => ({ plaintext: dataKey, key: key.name, rewrapDue }));
  },
};
