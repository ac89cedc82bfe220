// Logs in to the token, and never tries a wrong PIN twice: HSMs lock or erase themselves after a few.

import { wipe } from "../../../src/secret/index.ts";
import type { SecretSource } from "../../../src/provider/index.ts";
import { CKF, userType, type Cryptoki, type Handle } from "./cryptoki.ts";
import { already, answerOf, disabled, meaningOf, nameOf, unavailable } from "./errors.ts";
import { pinRefused } from "./pin-words.ts";
import { pinFault, type Token } from "./token.ts";

/** Logs a session in, and with it the whole process. */
export interface LogIn {
  /** Throws KEY_DISABLED when the PIN was wrong and its source has not changed since. */
  check(): void;
  /**
   * Throws KEY_DISABLED when the PIN is wrong, cannot be tried, or was wrong before and has not changed;
   * PROVIDER_UNAVAILABLE when the token does not answer.
   */
  run(cryptoki: Cryptoki, session: Handle, token: Token): void;
}

/** A log-in that remembers the PIN that was wrong, by the state of its source. */
export function createLogIn(pin: SecretSource | undefined): LogIn {
  let wrong: { readonly stamp: string; readonly message: string } | undefined;
  const stampNow = () => (pin ? told(() => pin.toJSON()) : "");
  const check = () => {
    if (wrong && wrong.stamp === stampNow()) throw disabled(wrong.message);
  };
  return {
    check,
    run(cryptoki, session, token) {
      if (!(token.flags & CKF.LOGIN_REQUIRED)) return;
      check();
      const stamp = stampNow();
      const fault = pinFault(token);
      if (fault !== undefined) throw disabled(`token ${token.serial} cannot be logged in to: ${fault}`);
      try {
        attempt(cryptoki, session, pin, token);
        wrong = undefined;
      } catch (error) {
        if (answerOf(error) === already.loggedIn) return;
        const message = messageOf(error, pin, token);
        if (message === undefined) throw error;
        wrong = { stamp, message };
        throw disabled(message, error);
      }
    },
  };
}

function attempt(cryptoki: Cryptoki, session: Handle, pin: SecretSource | undefined, token: Token): void {
  if (!pin && !(token.flags & CKF.PROTECTED_AUTHENTICATION_PATH))
    throw disabled(`token ${token.serial} wants a PIN: name its variable or file by pin`);
  cryptoki.C_Login(session, userType, pin && readPin(pin));
}

/** The addon takes a PIN as a string alone: it is made here, in the child, at each log-in, and kept by nobody. */
function readPin(pin: SecretSource): string {
  const bytes = told(() => pin.read());
  try {
    const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
    if (end === 0) throw disabled(`the ${pin.describe()} is empty: it should hold the token's user PIN`);
    return bytes.toString("utf8", 0, end);
  } finally {
    wipe(bytes);
  }
}

/** A source that is gone says so in words of its own; for calls it is a key that we may not use. */
function told<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw disabled(`the token's PIN cannot be read: ${(error as Error).message}`);
  }
}

/** What to say of a PIN that must not be tried again; undefined for other failures. */
function messageOf(error: unknown, pin: SecretSource | undefined, { serial }: Token): string | undefined {
  const meaning = meaningOf(error);
  if (meaning !== "pin" && meaning !== "pinBlocked") {
    if (meaning === undefined) return undefined;
    throw unavailable(`token ${serial} does not log in: it answered ${nameOf(error)}`, error);
  }
  const where = pin ? `of ${pin.describe()}` : "that was entered";
  return `${pinRefused} ${where} (token ${serial}, ${nameOf(error)}): it is not tried again until it changes`;
}
