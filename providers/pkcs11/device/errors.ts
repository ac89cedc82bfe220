// The one table from the library's answers (CKR_…) to what they mean for a call.

import { BrokerError } from "../../../src/errors/index.ts";

/**
 * What an answer means:
 * - `refused`: the blob is not this key's;
 * - `unclear`: a damaged blob or a lost token, both answer so: a known answer decides;
 * - `lost`: the connection to the token, or our handles, are no longer good: connect anew;
 * - `busy`: it may pass;
 * - `disabled`: the key may not do this, or is not what it was;
 * - `unfit`: this token takes another form of the mechanism, or none;
 * - `pin`: the PIN is wrong; `pinBlocked`: it cannot be tried.
 */
export type Meaning = "refused" | "unclear" | "lost" | "busy" | "disabled" | "unfit" | "pin" | "pinBlocked";

/** By number and name (PKCS#11 3.0, section 5.1). */
const answers: Readonly<Record<number, readonly [string, Meaning]>> = {
  0x02: ["CKR_HOST_MEMORY", "busy"],
  0x03: ["CKR_SLOT_ID_INVALID", "lost"],
  0x05: ["CKR_GENERAL_ERROR", "unclear"],
  0x06: ["CKR_FUNCTION_FAILED", "unclear"],
  0x07: ["CKR_ARGUMENTS_BAD", "unfit"],
  0x10: ["CKR_ATTRIBUTE_READ_ONLY", "unfit"],
  0x11: ["CKR_ATTRIBUTE_SENSITIVE", "unfit"],
  0x12: ["CKR_ATTRIBUTE_TYPE_INVALID", "unfit"],
  0x13: ["CKR_ATTRIBUTE_VALUE_INVALID", "unfit"],
  0x1b: ["CKR_ACTION_PROHIBITED", "disabled"],
  0x20: ["CKR_DATA_INVALID", "unclear"],
  0x21: ["CKR_DATA_LEN_RANGE", "refused"],
  0x30: ["CKR_DEVICE_ERROR", "unclear"],
  0x31: ["CKR_DEVICE_MEMORY", "busy"],
  0x32: ["CKR_DEVICE_REMOVED", "lost"],
  0x40: ["CKR_ENCRYPTED_DATA_INVALID", "refused"],
  0x41: ["CKR_ENCRYPTED_DATA_LEN_RANGE", "refused"],
  0x42: ["CKR_AEAD_DECRYPT_FAILED", "refused"],
  0x50: ["CKR_FUNCTION_CANCELED", "busy"],
  0x54: ["CKR_FUNCTION_NOT_SUPPORTED", "unfit"],
  0x60: ["CKR_KEY_HANDLE_INVALID", "lost"],
  0x62: ["CKR_KEY_SIZE_RANGE", "unfit"],
  0x63: ["CKR_KEY_TYPE_INCONSISTENT", "unfit"],
  0x68: ["CKR_KEY_FUNCTION_NOT_PERMITTED", "disabled"],
  0x69: ["CKR_KEY_NOT_WRAPPABLE", "unfit"],
  0x6a: ["CKR_KEY_UNEXTRACTABLE", "unfit"],
  0x70: ["CKR_MECHANISM_INVALID", "unfit"],
  0x71: ["CKR_MECHANISM_PARAM_INVALID", "unfit"],
  0x82: ["CKR_OBJECT_HANDLE_INVALID", "lost"],
  0x90: ["CKR_OPERATION_ACTIVE", "busy"],
  0x91: ["CKR_OPERATION_NOT_INITIALIZED", "busy"],
  0xa0: ["CKR_PIN_INCORRECT", "pin"],
  0xa1: ["CKR_PIN_INVALID", "pin"],
  0xa2: ["CKR_PIN_LEN_RANGE", "pin"],
  0xa3: ["CKR_PIN_EXPIRED", "pinBlocked"],
  0xa4: ["CKR_PIN_LOCKED", "pinBlocked"],
  0xb0: ["CKR_SESSION_CLOSED", "lost"],
  0xb1: ["CKR_SESSION_COUNT", "busy"],
  0xb3: ["CKR_SESSION_HANDLE_INVALID", "lost"],
  0xd0: ["CKR_TEMPLATE_INCOMPLETE", "unfit"],
  0xd1: ["CKR_TEMPLATE_INCONSISTENT", "unfit"],
  0xe0: ["CKR_TOKEN_NOT_PRESENT", "lost"],
  0xe1: ["CKR_TOKEN_NOT_RECOGNIZED", "lost"],
  0xf0: ["CKR_UNWRAPPING_KEY_HANDLE_INVALID", "lost"],
  0xf1: ["CKR_UNWRAPPING_KEY_SIZE_RANGE", "unfit"],
  0xf2: ["CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", "unfit"],
  0x100: ["CKR_USER_ALREADY_LOGGED_IN", "busy"],
  0x101: ["CKR_USER_NOT_LOGGED_IN", "lost"],
  0x102: ["CKR_USER_PIN_NOT_INITIALIZED", "pinBlocked"],
  0x104: ["CKR_USER_ANOTHER_ALREADY_LOGGED_IN", "pinBlocked"],
  0x105: ["CKR_USER_TOO_MANY_TYPES", "pinBlocked"],
  0x110: ["CKR_WRAPPED_KEY_INVALID", "refused"],
  0x112: ["CKR_WRAPPED_KEY_LEN_RANGE", "refused"],
  0x113: ["CKR_WRAPPING_KEY_HANDLE_INVALID", "lost"],
  0x114: ["CKR_WRAPPING_KEY_SIZE_RANGE", "unfit"],
  0x115: ["CKR_WRAPPING_KEY_TYPE_INCONSISTENT", "unfit"],
  0x150: ["CKR_BUFFER_TOO_SMALL", "unclear"],
  0x190: ["CKR_CRYPTOKI_NOT_INITIALIZED", "lost"],
};

/** What the library answers to a second initialisation, or log-in: as good as a first. */
export const already = { initialised: 0x191, loggedIn: 0x100 } as const;

/** The number of the library's answer; undefined when the error is none of its answers. */
export function answerOf(error: unknown): number | undefined {
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  return name === "Pkcs11Error" && typeof code === "number" ? code : undefined;
}

/** What an error of the library means; undefined when it is no answer of the library. Unknown answers are unclear. */
export function meaningOf(error: unknown): Meaning | undefined {
  const answer = answerOf(error);
  return answer === undefined ? undefined : (answers[answer]?.[1] ?? "unclear");
}

/** The answer's name, or its number where a maker has defined it. */
export function nameOf(error: unknown): string {
  const answer = answerOf(error);
  if (answer === undefined) return error instanceof Error ? error.name : "an unknown failure";
  return answers[answer]?.[0] ?? `CKR 0x${answer.toString(16).padStart(8, "0")}`;
}

/** This blob is not right for this key. */
export function refused(what: string, cause?: unknown): BrokerError {
  return new BrokerError("ENVELOPE_REFUSED", `the HSM's key does not unwrap this blob: ${what}`, { cause });
}

/** The key cannot be used until somebody acts. */
export function disabled(message: string, cause?: unknown): BrokerError {
  return new BrokerError("KEY_DISABLED", message, { cause });
}

/** The token cannot be asked now. */
export function unavailable(message: string, cause?: unknown): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", message, { cause });
}
