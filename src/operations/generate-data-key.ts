// GenerateDataKey: makes a data key from the kernel's random numbers and seals it.

import type { Context } from "../envelope/types.ts";
import { BrokerError } from "../errors/index.ts";
import { randomBytes, wipe } from "../secret/index.ts";
import { onKey } from "./on-key.ts";
import type { Operation } from "./operation.ts";
import { checkRequiredContext, readKeyed } from "./requests.ts";
import type { KeyedSubject } from "./requests.ts";

const defaultLengthBytes = 32;

export interface GenerateDataKeyRequest {
  readonly key: string;
  readonly context: Context;
  /** Bytes: 16 to 64; 0 means 32. */
  readonly length: number;
  readonly withoutPlaintext: boolean;
}

export interface GenerateDataKeyResponse {
  readonly envelope: Uint8Array;
  /** Empty when asked without; whoever sends it wipes it. */
  readonly plaintext: Uint8Array;
}

export const generateDataKey: Operation<GenerateDataKeyRequest, GenerateDataKeyResponse, KeyedSubject> = {
  name: "generate",
  read(request) {
    checkLength(request.length);
    return readKeyed(request);
  },
  authorise: onKey("generate"),
  async act({ graph, request, subject, scope }, key) {
    checkRequiredContext(key, subject.context);
    const dataKey = randomBytes(request.length || defaultLengthBytes);
    try {
      const envelope = await graph.broker.wrap(key, dataKey, subject.contextHash, scope);
      return { envelope, plaintext: request.withoutPlaintext ? new Uint8Array(0) : dataKey };
    } catch (error) {
      wipe(dataKey);
      throw error;
    } finally {
      if (request.withoutPlaintext) wipe(dataKey);
    }
  },
};

function checkLength(length: number): void {
  if (length === 0 || (length >= 16 && length <= 64)) return;
  throw new BrokerError("REQUEST_INVALID", `a generated data key has 16 to 64 bytes, not ${length}`);
}
