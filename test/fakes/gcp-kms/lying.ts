// Answers that the fake gives when it is told to lie: each is one way in which an answer is not to be trusted.

import { randomBytes } from "node:crypto";
import { crc32c } from "@aws-crypto/crc32c";
import type { Answer, Lie } from "./lies.ts";
import { RawAnswer } from "./protocol.ts";

const spoil = (change: (answer: Answer) => unknown): Lie => ({
  kind: "spoil",
  spoil: (answer) => change(answer) ?? answer,
});

/** The bytes of an answer, and how to set others. */
function bytesOf(answer: Answer): Buffer {
  return (answer.ciphertext ?? answer.plaintext)!;
}

function setBytes(answer: Answer, bytes: Buffer): void {
  if (answer.ciphertext) answer.ciphertext = bytes;
  else answer.plaintext = bytes;
}

function setChecksum(answer: Answer, checksum: { value: number } | null): void {
  if (answer.ciphertext) answer.ciphertextCrc32c = checksum;
  else answer.plaintextCrc32c = checksum;
}

export const bitFlip = spoil((answer) => {
  const flipped = Buffer.from(bytesOf(answer));
  flipped[flipped.length >> 1]! ^= 1;
  setBytes(answer, flipped);
});

/** Fewer bytes than were sent, in a message that is whole. */
export const shortened = spoil((answer) => setBytes(answer, bytesOf(answer).subarray(0, -1)));

/** A message that ends in the middle of a field. */
export const cutMessage = spoil(() => new RawAnswer(Buffer.from([0x12, 0x40, 1, 2, 3])));

export const wrongChecksum = spoil((answer) => setChecksum(answer, { value: crc32c(bytesOf(answer)) ^ 1 || 1 }));

/** As a server that knows no checksums, or a proxy that drops what it does not know. */
export const noChecksum = spoil((answer) => {
  setChecksum(answer, null);
  answer.verifiedPlaintextCrc32c = false;
  answer.verifiedAdditionalAuthenticatedDataCrc32c = false;
});

export const plaintextUnverified = spoil((answer) => void (answer.verifiedPlaintextCrc32c = false));

export const associatedDataUnverified = spoil((a) => void (a.verifiedAdditionalAuthenticatedDataCrc32c = false));

/** Another key's answer, whole and with the right checksum. */
export const anotherKey = spoil((answer) => {
  if (answer.name !== undefined) answer.name = answer.name.replace(/\/cryptoKeys\/[^/]+/, "$&-other");
  else {
    answer.plaintext = randomBytes(answer.plaintext!.length);
    setChecksum(answer, { value: crc32c(answer.plaintext) });
  }
});

export const ignoresAssociatedData: Lie = { kind: "ignore associated data" };
