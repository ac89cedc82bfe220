// Check: would this envelope unwrap here, now, for this caller? No key leaves.

import type { CheckAnswer } from "../broker/broker.ts";
import type { Context } from "../envelope/types.ts";
import { isBrokerError } from "../errors/index.ts";
import { onKey } from "./on-key.ts";
import type { Operation } from "./operation.ts";
import { checkNamedKey, readOpening } from "./requests.ts";
import type { OpeningSubject } from "./requests.ts";

export interface CheckRequest {
  readonly envelope: Uint8Array;
  readonly context: Context;
  readonly key: string;
  readonly deep: boolean;
}

export const check: Operation<CheckRequest, CheckAnswer, OpeningSubject> = {
  name: "check",
  read: readOpening,
  authorise: onKey("check"),
  async act({ graph, request, subject, scope }, key) {
    try {
      checkNamedKey(graph, key, request.key);
      return await graph.broker.check(key, subject.envelope, subject.contextHash, request.deep, scope);
    } catch (error) {
      if (isBrokerError(error) && error.reason === "ENVELOPE_REFUSED") return refused;
      throw error;
    }
  },
};

const refused: CheckAnswer = {
  matches: false,
  trusted: false,
  version: "",
  reason: "ENVELOPE_REFUSED",
  rewrapDue: false,
  recipients: [],
};
