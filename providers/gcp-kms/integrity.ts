// Checksums over what goes to Cloud KMS and what comes back: CRC32C, the Castagnoli polynomial (zlib.crc32 is another).

import { crc32c } from "@aws-crypto/crc32c";
import { BrokerError } from "../../src/errors/index.ts";

/** How often a call is made whose answer came damaged. */
const attempts = 3;

/** An answer that is not what the server sent, or not one to what we asked. */
class Damaged extends Error {
  override readonly name = "Damaged";
}

/** A checksum as messages carry it: an Int64Value. */
export function checksum(bytes: Uint8Array): { readonly value: number } {
  return { value: crc32c(bytes) };
}

/** Throws, so that the call is made again, unless `holds`; `what` ends the sentence "the answer …". */
export function intact(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Damaged(what);
}

/** Checks bytes of an answer against the checksum beside them. An answer without one is as bad as a wrong one. */
export function checkBytes(bytes: Uint8Array, told: unknown, field: string): void {
  const value = (told as { readonly value?: unknown } | null | undefined)?.value;
  intact(value !== undefined && value !== null, `has no checksum of its ${field}`);
  intact(Number(value) === crc32c(bytes), `does not match the checksum of its ${field}`);
}

/**
 * Makes a call until its answer is intact, three times at most, as the service's definition asks of clients. This is no
 * retry of a failed call: those are the broker's. Throws PROVIDER_UNAVAILABLE when every answer was damaged.
 */
export async function untilIntact<T>(operation: string, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      if (attempt >= attempts) throw damaged(operation, error.message);
    }
  }
}

function damaged(operation: string, what: string): BrokerError {
  const message = `Cloud KMS was asked ${attempts} times to ${operation}, and each time the answer ${what}: something between spoils it, or this is not Cloud KMS`;
  return new BrokerError("PROVIDER_UNAVAILABLE", message);
}
