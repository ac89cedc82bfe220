// The env provider under faults: its backend is the daemon's own memory, so there is little that can fail.

import { rmSync } from "node:fs";
import { daemonFolder } from "../backends/daemon.ts";
import { masterKeyFile } from "../backends/master-keys.ts";
import type { FaultBench, FaultSubject } from "./subject.ts";

const noBackend = "the master key is in the daemon's memory: there is no backend that could answer late or not at all";
const noAnswers = "nothing answers: a blob is opened by the daemon itself, and its own tag tells every change";
const noRights = "there is no credential and no permission: whoever may read the file or the variable has the key";

function start(): Promise<FaultBench> {
  const folder = daemonFolder();
  const key = masterKeyFile(folder, "master-key");
  return Promise.resolve({
    provider: { kind: "env", keys: { "1": `file:${key.path}` } },
    reference: {},
    secrets: [key.bytes.toString("base64"), key.bytes.toString("latin1")],
    inject: (fault) => Promise.reject(new Error(`env has no fault "${fault}"`)),
    stop: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  });
}

export const subject: FaultSubject = {
  kind: "env",
  exempt: {
    hang: noBackend,
    "slow answer": noBackend,
    reset: noBackend,
    throttling: noBackend,
    "server error": noBackend,
    "expired credentials": noRights,
    "revoked permission": noRights,
    "disabled key":
      "a version that is taken out of the configuration is not there: nothing is disabled and still named",
    "another key's answer": noAnswers,
    "truncated answer": noAnswers,
    "bit flip": noAnswers,
    "wrong checksum": noAnswers,
    "missing checksum": noAnswers,
    "child killed": "it has no child process",
    "store deleted": "keys are read once at start: a reload without them is refused, and the last good ones stay",
    "DNS failure": "it has no host",
  },
  start,
};
