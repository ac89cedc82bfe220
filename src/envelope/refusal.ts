// How envelopes are refused: two messages, and no more for a caller to learn from.

import { BrokerError } from "../errors/index.ts";

/**
 * ENVELOPE_REFUSED for bytes or text that are no envelope of this format.
 *
 * @param fault what is wrong, for the log; it must quote nothing of the input.
 */
export function unreadable(fault: string): BrokerError {
  const message = "not a readable keybroker envelope: it is damaged, cut short, of another format, or something else";
  return new BrokerError("ENVELOPE_REFUSED", message, { cause: fault });
}

/**
 * ENVELOPE_REFUSED for an envelope that can be read but not opened. Tampering, a wrong key, a wrong master key and
 * a wrong context share this one message: the difference would help to forge.
 *
 * @param fault what is wrong, for the log alone.
 */
export function refused(fault?: string): BrokerError {
  const message = "envelope, context and key do not belong together here: check which of them was changed or mixed up";
  return new BrokerError("ENVELOPE_REFUSED", message, { cause: fault });
}

/** INTERNAL: our own code asked for an envelope that the format forbids. */
export function unwritable(fault: string): BrokerError {
  return new BrokerError("INTERNAL", `no envelope can be made: ${fault}`);
}
