// What `keybroker doctor` asks of a token: the library, the tokens, the PIN, the keys, and what each key can do.

import { isBrokerError } from "../../../src/errors/index.ts";
import type { Finding } from "../../../src/provider/index.ts";
import type { At, Connection } from "./connection.ts";
import { CKF, type Cryptoki } from "./cryptoki.ts";
import { meaningOf, nameOf } from "./errors.ts";
import { findKeys } from "./keys.ts";
import { openLibrary, type NewCryptoki } from "./library.ts";
import { openTokenKey } from "./token-key.ts";
import { mechanismWords } from "./mechanism-words.ts";
import { describeToken, listTokens, matching, pinFault, type Token } from "./token.ts";
import { describeReference, type DeviceSettings, type KeyReference } from "./types.ts";
import { describeKey } from "./key-words.ts";

/** What there is to look at. */
export interface Examined {
  readonly settings: DeviceSettings;
  readonly connection: Connection;
  readonly create?: NewCryptoki | undefined;
}

/** Looks at everything in order, and stops where the rest could only fail for the same cause. */
export async function* examine(
  examined: Examined,
  references: readonly KeyReference[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const { settings, connection } = examined;
  const tokens = yield* examineLibrary(examined);
  const token = tokens && (yield* examineToken(settings, tokens));
  if (!token) return;
  const fault = token.flags & CKF.LOGIN_REQUIRED ? pinFault(token) : undefined;
  if (fault !== undefined) {
    yield bad("PIN", fault, "ask the token's security officer");
    return;
  }
  let seen: readonly Finding[];
  try {
    seen = await connection.use((at) => examineContents(at), signal);
  } catch (error) {
    yield bad("log-in", wordsOf(error), "put the token's user PIN into the source that pin names");
    return;
  }
  yield good("log-in", token.flags & CKF.LOGIN_REQUIRED ? "the PIN is right" : "the token wants none");
  yield* seen;
  for (const reference of references) yield* examineKey(connection, reference, signal);
}

/** The library; answers the tokens that it has, undefined when it cannot be used. */
async function* examineLibrary({ settings, create }: Examined): AsyncGenerator<Finding, readonly Token[] | undefined> {
  const { library: path } = settings;
  let tokens: readonly Token[];
  try {
    const library = await openLibrary(path, create);
    try {
      yield good("library", `${path}: ${libraryWords(library.cryptoki)}`);
      tokens = listTokens(library.cryptoki);
    } finally {
      library.release();
    }
  } catch (error) {
    yield bad("library", wordsOf(error), "install the maker's library for this machine, and name its file by library");
    return undefined;
  }
  const hint = "the library shows none: its own configuration, or its connection to the HSM, is at fault";
  for (const token of tokens) yield note(`token ${token.serial || "(not set up)"}`, tokenWords(token));
  if (tokens.length === 0) yield note("tokens", hint);
  return tokens;
}

function* examineToken(settings: DeviceSettings, tokens: readonly Token[]): Generator<Finding, Token | undefined> {
  const found = matching(tokens, settings);
  const wanted = describeToken(settings);
  if (found.length === 1) {
    yield good("token", `the token with ${wanted} is there`);
    return found[0];
  }
  const setUp = tokens.filter(({ serial, label }) => serial + label !== "");
  const those = setUp.map(({ serial, label }) => `serial ${serial} label ${label}`).join("; ") || "none";
  const fix = "correct tokenSerial and tokenLabel, or bring the token back";
  const detail =
    found.length === 0
      ? `no token with ${wanted} is there; there are: ${those}`
      : `${found.length} tokens with ${wanted} are there: ${those}`;
  yield bad("token", detail, found.length === 0 ? fix : "name one by tokenSerial");
  return undefined;
}

async function examineContents({ cryptoki, session, token }: At): Promise<readonly Finding[]> {
  const keys = findKeys(cryptoki, session, {});
  const mechanisms = await mechanismWords(cryptoki, token.slot);
  return [
    note("mechanisms", mechanisms),
    ...keys.map((key) => note(`key ${key.label}`, describeKey(key))),
    ...(keys.length === 0 ? [note("keys", "the token has none, or shows us none")] : []),
  ];
}

async function* examineKey(
  connection: Connection,
  reference: KeyReference,
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const check = `key with ${describeReference(reference)}`;
  try {
    const key = await openTokenKey(connection, reference, signal);
    const { facts } = key;
    const choice = key.choice();
    const by = `${choice.way.name} by ${choice.way.mechanismName}`;
    yield good(check, choice.known ? `wraps and unwraps: ${by}` : `unwraps alone: ${by}`);
    if (facts.extractable || !facts.sensitive)
      yield bad(
        check,
        "the key can leave the token: it is extractable or not sensitive",
        "make another with keybroker pkcs11 generate-key, and rewrap",
      );
  } catch (error) {
    yield bad(check, wordsOf(error), "correct label and id, or make one: keybroker pkcs11 generate-key");
  }
}

function libraryWords(cryptoki: Cryptoki): string {
  const { libraryDescription, libraryVersion, cryptokiVersion } = cryptoki.C_GetInfo();
  const version = ({ major, minor }: { major: number; minor: number }) => `${major}.${minor}`;
  return `${libraryDescription.trim()} ${version(libraryVersion)}, PKCS#11 ${version(cryptokiVersion)}`;
}

function tokenWords({ label, model, flags, hardware }: Token): string {
  const states: [number, string][] = [
    [CKF.USER_PIN_COUNT_LOW, "a wrong PIN was tried"],
    [CKF.USER_PIN_FINAL_TRY, "one more wrong PIN locks it"],
    [CKF.USER_PIN_LOCKED, "its PIN is locked"],
    [CKF.USER_PIN_TO_BE_CHANGED, "its PIN must be changed"],
    [CKF.ERROR_STATE, "it is in an error state"],
  ];
  const said = states.filter(([flag]) => flags & flag).map(([, words]) => words);
  return [`label ${label || "(none)"}`, model, hardware ? "a device" : "software", ...said].join(", ");
}

function wordsOf(error: unknown): string {
  if (isBrokerError(error)) return error.message;
  return meaningOf(error) === undefined ? "it failed in an unexpected way" : `the token answered ${nameOf(error)}`;
}

const good = (check: string, detail: string): Finding => ({ check, outcome: "good", detail });
const note = (check: string, detail: string): Finding => ({ check, outcome: "note", detail });
const bad = (check: string, detail: string, fix: string): Finding => ({ check, outcome: "bad", detail, fix });
