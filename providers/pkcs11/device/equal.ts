// Compares secrets in constant time.

import { timingSafeEqual } from "node:crypto";

/** Whether two buffers are equal; their lengths are no secret. */
export function constantTimeEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
