// Finds the configured token among those that are there, by serial or label, and never by its slot's number.

import { CKF, type Cryptoki, type Handle } from "./cryptoki.ts";
import { nameOf, unavailable } from "./errors.ts";
import type { DeviceSettings } from "./types.ts";

/** A token that is there. */
export interface Token {
  readonly slot: Handle;
  readonly serial: string;
  readonly label: string;
  readonly model: string;
  readonly flags: number;
  /** The slot's driver says that it is a device, and no software. */
  readonly hardware: boolean;
}

/** Every token that can be read now. Throws what the library answers. */
export function listTokens(cryptoki: Cryptoki): Token[] {
  return cryptoki.C_GetSlotList(true).flatMap((slot) => {
    try {
      return [readToken(cryptoki, slot)];
    } catch {
      // A token that is taken out at this moment, or that another program holds, is not there.
      return [];
    }
  });
}

/** A token's facts as they are now. */
function readToken(cryptoki: Cryptoki, slot: Handle): Token {
  const { serialNumber, label, model, flags } = cryptoki.C_GetTokenInfo(slot);
  const hardware = (cryptoki.C_GetSlotInfo(slot).flags & CKF.HW_SLOT) !== 0;
  return { slot, serial: padded(serialNumber), label: padded(label), model: padded(model), flags, hardware };
}

/** The configured token. Throws PROVIDER_UNAVAILABLE when none or more than one goes by that name. */
export function findToken(cryptoki: Cryptoki, settings: DeviceSettings): Token {
  const found = matching(tokensOf(cryptoki), settings);
  if (found.length === 1) return found[0]!;
  const wanted = describeToken(settings);
  if (found.length === 0)
    throw unavailable(`no token with ${wanted} is there: is it plugged in, and the HSM reachable?`);
  throw unavailable(`${found.length} tokens with ${wanted} are there: name one by tokenSerial`);
}

/** Those that the settings name. */
export function matching(tokens: readonly Token[], { tokenSerial, tokenLabel }: DeviceSettings): readonly Token[] {
  return tokens.filter(({ serial, label }) => (tokenSerial ?? serial) === serial && (tokenLabel ?? label) === label);
}

/** The settings' token in words: `serial 0a1b and label backups`. */
export function describeToken({ tokenSerial, tokenLabel }: DeviceSettings): string {
  const serial = tokenSerial === undefined ? [] : [`serial ${tokenSerial}`];
  return [...serial, ...(tokenLabel === undefined ? [] : [`label ${tokenLabel}`])].join(" and ");
}

/** What the token's flags say of its PIN that makes a log-in impossible or dangerous; undefined when nothing. */
export function pinFault({ flags }: Pick<Token, "flags">): string | undefined {
  if (flags & CKF.USER_PIN_LOCKED) return "its user PIN is locked: the security officer must set a new one";
  if (flags & CKF.USER_PIN_FINAL_TRY)
    return "one more wrong PIN would lock it, so none is tried: log in once by hand with the maker's tool";
  if (flags & CKF.ERROR_STATE) return "it is in an error state: see the maker's tool";
  return flags & CKF.USER_PIN_INITIALIZED ? undefined : "its user PIN was never set: set one with the maker's tool";
}

function tokensOf(cryptoki: Cryptoki): Token[] {
  try {
    return listTokens(cryptoki);
  } catch (error) {
    throw unavailable(`the PKCS#11 library does not list its slots: it answered ${nameOf(error)}`, error);
  }
}

/** PKCS#11 pads text with blanks; some libraries pad with zeros. */
function padded(text: string): string {
  return text.replace(/[\0 ]+$/, "");
}
