// Envelopes that can be decoded; nobody can open them.

import { encodeBranchHeader } from "../../../src/envelope/index.ts";

/** An envelope with a data key of so many bytes. */
export function someEnvelope(dataKeyLength: number): Uint8Array {
  const recipient = { kind: 1, scheme: 1, masterKeyId: "id", version: "1", wrapped: new Uint8Array(60) };
  const branchId = new Uint8Array(16).fill(dataKeyLength);
  const header = { suite: 1, threshold: 1, branchId, realm: "prod", key: "backups/db", recipients: [recipient] };
  const length = 32 + dataKeyLength + 16;
  const tail = Buffer.alloc(32 + 12 + 4 + length);
  tail.writeUInt32BE(length, 32 + 12);
  return Buffer.concat([encodeBranchHeader(header), tail]);
}
