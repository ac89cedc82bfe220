// Wrap: seals a caller's data key.

import type { Context } from "../envelope/types.ts";
import { onKey } from "./on-key.ts";
import type { Operation } from "./operation.ts";
import { checkDataKey, checkRequiredContext, readKeyed } from "./requests.ts";
import type { KeyedSubject } from "./requests.ts";
import { after } from "./soon.ts";

export interface WrapRequest {
  readonly key: string;
  readonly plaintext: Uint8Array;
  readonly context: Context;
}

export interface WrapResponse {
  readonly envelope: Uint8Array;
}

export const wrap: Operation<WrapRequest, WrapResponse, KeyedSubject> = {
  name: "wrap",
  read(request) {
    checkDataKey(request.plaintext);
    return readKeyed(request);
  },
  authorise: onKey("wrap"),
  act({ graph, request, subject, scope }, key) {
    checkRequiredContext(key, subject.context);
    const sealed = graph.broker.wrap(key, request.plaintext, subject.contextHash, scope);
    return after(sealed, (envelope) => ({ envelope }));
  },
};
