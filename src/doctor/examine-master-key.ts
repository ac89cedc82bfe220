// One master key: whether it is there, enabled and ours to use, and gives back what it wrapped.

import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { MasterKey, Provider } from "../provider/index.ts";
import { good, note } from "./diagnosis.ts";
import type { Diagnosis } from "./diagnosis.ts";
import { failed } from "./failure.ts";
import { inTime } from "./in-time.ts";
import { roundTrip } from "./round-trip.ts";
import type { RoundTrip } from "./round-trip.ts";
import { referenceText } from "./uses.ts";
import type { Use } from "./uses.ts";

/** What is examined, and with what. */
interface MasterKeyExamination {
  readonly provider: Provider;
  readonly use: Use;
  readonly realm: string;
  readonly manual: string;
  readonly timeoutMs: number;
  readonly step: (what: string) => void;
}

/** Resolves the reference, probes, and makes the round trip where a key wraps to it. */
export async function* examineMasterKey(examination: MasterKeyExamination): AsyncGenerator<Diagnosis> {
  const { provider, use, manual, timeoutMs, step } = examination;
  const name = referenceText(use.reference);
  step(`master key ${name}`);
  let masterKey: MasterKey;
  try {
    masterKey = await inTime(timeoutMs, (signal) => provider.masterKey(use.reference, signal));
  } catch (error) {
    yield failed("master key", inContext(error, name), manual);
    return;
  }
  yield good("master key", `${masterKey.id}, of ${use.keys.join(", ")}`);
  const others = masterKey.unwrapOnly ?? [];
  let sound = true;
  for (const one of [masterKey, ...others]) {
    const probed = await probe(one, examination);
    sound &&= one !== masterKey || probed.outcome !== "bad";
    yield probed;
  }
  yield* protectionOf(masterKey);
  if (sound && use.wraps) yield await trip(masterKey, examination);
  if (sound && masterKey.versions) yield await versions(masterKey, examination);
}

async function probe(masterKey: MasterKey, { timeoutMs, manual, step }: MasterKeyExamination): Promise<Diagnosis> {
  step(`probe of ${masterKey.id}`);
  try {
    await inTime(timeoutMs, (signal) => masterKey.probe(signal));
    return good("probe", `${masterKey.id} is there, enabled and ours to use`);
  } catch (error) {
    return failed("probe", inContext(error, masterKey.id), manual);
  }
}

/** Known once the backend was asked. */
function* protectionOf({ protection }: MasterKey): Generator<Diagnosis> {
  if (protection === undefined) return;
  const forged = "; it wraps with a public key, so that anybody who has that can make envelopes that open";
  yield note("protection", `${protection.level}${protection.authenticated ? "" : forged}`);
}

async function trip(masterKey: MasterKey, examination: MasterKeyExamination): Promise<Diagnosis> {
  const { use, realm, timeoutMs, manual, step } = examination;
  step(`round trip by ${masterKey.id}`);
  try {
    const told = await roundTrip({ masterKey, realm, key: use.keys[0]!, unwraps: use.unwraps, timeoutMs });
    return good("round trip", tripText(told));
  } catch (error) {
    return failed("round trip", inContext(error, masterKey.id), manual);
  }
}

function tripText({ version, wrappedBytes, wrapMs, unwrapMs }: RoundTrip): string {
  const by = version === "" ? "" : ` by version ${version}`;
  const wrapped = `64 bytes wrapped${by} to ${wrappedBytes} in ${Math.ceil(wrapMs)} ms`;
  if (unwrapMs === undefined) return `${wrapped}; not unwrapped: every key of it has verifyWrap: none`;
  return `${wrapped}, and unwrapped in ${Math.ceil(unwrapMs)} ms`;
}

/** Nothing that envelopes need: a credential that may not list them is no fault. */
async function versions(masterKey: MasterKey, { timeoutMs, step }: MasterKeyExamination): Promise<Diagnosis> {
  step(`versions of ${masterKey.id}`);
  try {
    const all = await inTime(timeoutMs, (signal) => masterKey.versions!(signal));
    const primary = all.find(({ state }) => state === "primary")?.version;
    return note("versions", `${all.length}${primary === undefined ? "" : `, ${primary} wraps`}`);
  } catch (error) {
    const why = isBrokerError(error) ? error.message : "an unexpected answer";
    return note("versions", `cannot be listed (${why}); only keybroker keys versions needs it`);
  }
}

/** The error, with the master key that it is about where its message does not say so. */
function inContext(error: unknown, name: string): unknown {
  if (!isBrokerError(error) || error.message.includes(name)) return error;
  return new BrokerError(error.reason, `${name}: ${error.message}`, { cause: error.cause });
}
