// All decoders that are fuzzed.

import type { Decoder } from "../decoder.ts";
import { auditLog, checkpoint, position, verifierKey } from "./audit.ts";
import { condition, configuration, keySet } from "./configuration.ts";
import { context } from "./context.ts";
import { envelope, text } from "./envelope.ts";
import { childFrame } from "./frame.ts";
import { grant, sshKey, sshSignature } from "./grant.ts";
import { request, session } from "./request.ts";
import { token } from "./token.ts";

/** Every decoder of bytes that somebody else wrote. */
export const decoders: readonly Decoder[] = [
  ...[envelope, text, request, session, context],
  ...[configuration, condition, keySet, token],
  ...[grant, sshSignature, sshKey],
  ...[auditLog, checkpoint, verifierKey, position],
  childFrame,
];
