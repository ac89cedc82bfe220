// The pkcs11 provider under faults: SoftHSM behind a library that fails and lies as it is told.

import { utimesSync } from "node:fs";
import { generateKey } from "../../providers/pkcs11/generate.ts";
import { forbid, makeSoftHsm, softhsm } from "../backends/softhsm.ts";
import type { SoftHsm, SoftToken } from "../backends/softhsm.ts";
import { compiler, makeShim } from "../fakes/pkcs11/shim.ts";
import type { Shim, ShimCall, ShimFault } from "../fakes/pkcs11/shim.ts";
import type { BackendFault, FaultBench, FaultSubject, Injected } from "./subject.ts";

const label = "under faults";

/** What the library is told, for faults that are its to play. */
const plays: Readonly<Partial<Record<BackendFault, ShimFault>>> = {
  hang: "hang",
  "slow answer": "slow",
  reset: "reset",
  throttling: "busy",
  "server error": "broken",
  "expired credentials": "expired",
  "revoked permission": "forbidden",
  "another key's answer": "another",
  "truncated answer": "short",
  "bit flip": "flip",
  "child killed": "crash",
};

interface Parts {
  readonly hsm: SoftHsm;
  readonly token: SoftToken;
  readonly shim: Shim;
}

/** Faults that are a state of the token itself. */
const states: Readonly<Partial<Record<BackendFault, (parts: Parts) => () => void>>> = {
  "disabled key": ({ hsm, token }) => forbid(hsm, token, label),
  "store deleted": ({ hsm }) => hsm.unplug(),
};

function inject(parts: Parts, fault: BackendFault): Injected {
  const { shim, token } = parts;
  const before = shim.calls().length;
  const since = (met: (call: ShimCall) => boolean) => shim.calls().slice(before).filter(met).length;
  const play = plays[fault];
  if (play) {
    shim.say(play);
    return {
      hits: () => since(({ fault: word }) => word === play),
      clear() {
        shim.say(undefined);
        // Who sets an expired PIN right writes its file anew.
        if (play === "expired") utimesSync(token.pinFile, new Date(), new Date());
        return Promise.resolve();
      },
    };
  }
  const begin = states[fault];
  if (!begin) throw new Error(`pkcs11 has no fault "${fault}"`);
  const end = begin(parts);
  return {
    hits: () => since(({ name, failed }) => failed || name === "GetSlotList"),
    clear: () => Promise.resolve(end()),
  };
}

async function start(): Promise<FaultBench> {
  const hsm = makeSoftHsm();
  const token = hsm.addToken("faults");
  const shim = makeShim(hsm.library, hsm.folder);
  const environment = { ...hsm.environment, ...shim.environment };
  const found = { tokenLabel: token.label, maxSessions: 8 };
  const pin = { describe: () => "the test", read: () => Buffer.from(token.pin), toJSON: () => "the test" };
  await generateKey({ library: hsm.library, ...found, pin, environment: hsm.environment }, { label, scheme: "gcm" });
  const done = (wanted: string) =>
    shim.calls().filter(({ name, failed, isKnown }) => name === wanted && !failed && !isKnown).length;
  return {
    provider: {
      kind: "pkcs11",
      library: shim.path,
      ...found,
      pin: `file:${token.pinFile}`,
      killAfter: "100ms",
      environment,
    },
    reference: { label },
    secrets: [token.pin],
    inject: (fault) => Promise.resolve(inject({ hsm, token, shim }, fault)),
    calls: () => Promise.resolve({ wraps: done("Encrypt"), unwraps: done("Decrypt") }),
    stop: () => Promise.resolve(hsm.remove()),
  };
}

const noSums = "no answer of a PKCS#11 library carries a checksum: the hash within the material is compared instead";

export const subject: FaultSubject = {
  kind: "pkcs11",
  exempt: {
    "wrong checksum": noSums,
    "missing checksum": noSums,
    "DNS failure": "the library is a file of this machine: how it reaches its HSM is its maker's",
  },
  programs: [softhsm, compiler],
  start,
};
