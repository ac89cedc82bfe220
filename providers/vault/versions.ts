// The versions of a transit key: listed, made by rotation, and switched off from the oldest up.

import { BrokerError } from "../../src/errors/index.ts";
import type { MasterKey, MasterKeyVersion, VersionState } from "../../src/provider/index.ts";
import { composeJson } from "./json-bytes.ts";
import { failureOf } from "./errors.ts";
import type { Session } from "./session.ts";
import type { KeyFacts, TransitKey } from "./transit-key.ts";

type Versions = Required<Pick<MasterKey, "versions" | "rotate" | "setVersionState">>;

/** What a master key does with its versions. Policies for wrapping and unwrapping alone do not allow the last two. */
export function versionsOf(key: TransitKey, session: Session): Versions {
  async function post(path: string, fields: Readonly<Record<string, number>>, signal: AbortSignal): Promise<void> {
    const answer = await session.send({ method: "POST", path, body: composeJson(fields), signal });
    key.forget();
    if (answer.status === 400) throw invalid(`the server refuses to change ${path}`);
    if (answer.status >= 300) throw failureOf(answer, path);
  }

  return {
    async versions(signal) {
      return listOf(await key.read(signal));
    },
    async rotate(signal) {
      await post(`${key.path}/rotate`, {}, signal);
      return String((await key.read(signal)).latest);
    },
    async setVersionState(version, state, signal) {
      const facts = await key.read(signal);
      const minimum = minimumFor(facts, version, state);
      if (minimum === facts.minDecryption) return;
      await post(`${key.path}/config`, { min_decryption_version: minimum }, signal);
    },
  };
}

function listOf({ latest, minDecryption, minAvailable, createdAtS }: KeyFacts): readonly MasterKeyVersion[] {
  const numbers = Array.from({ length: latest - minAvailable + 1 }, (_, index) => minAvailable + index);
  return numbers.map((number) => {
    const createdS = createdAtS.get(number);
    const state = number === latest ? "primary" : number < minDecryption ? "disabled" : "enabled";
    return {
      version: String(number),
      state,
      createdAt: createdS === undefined ? undefined : new Date(createdS * 1_000),
    };
  });
}

/**
 * The min_decryption_version that gives this version this state. There is one number for all, so what it changes
 * beside the named version is refused: the oldest enabled version can be disabled, the newest disabled one enabled.
 */
function minimumFor(facts: KeyFacts, version: string, state: VersionState): number {
  const { latest, minDecryption, minAvailable } = facts;
  const number = /^[1-9][0-9]{0,9}$/.test(version) ? Number(version) : 0;
  if (number < minAvailable || number > latest) throw invalid(`the transit key has no version ${version}`);
  if (state === "primary") {
    if (number === latest) return minDecryption;
    throw invalid(`transit always wraps with its newest version, ${latest}: rotate makes a newer one`);
  }
  const isEnabled = number >= minDecryption;
  if (isEnabled === (state === "enabled")) return minDecryption;
  if (state === "enabled") {
    if (number === minDecryption - 1) return number;
    throw invalid(`enable version ${minDecryption - 1} first: transit has one min_decryption_version for all`);
  }
  if (number === latest) throw invalid("the newest version wraps and cannot be disabled: rotate first");
  if (number === minDecryption) return number + 1;
  throw invalid(`disable version ${minDecryption} first: transit has one min_decryption_version for all`);
}

function invalid(message: string): BrokerError {
  return new BrokerError("REQUEST_INVALID", message);
}
