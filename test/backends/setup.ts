// Global set-up of the suites that start programs: installs them once, before the test files run side by side.

import { existsSync } from "node:fs";
import { faketime } from "../faults/fault-daemon.ts";
import { available } from "./available.ts";
import { program } from "./daemon.ts";
import { buildGo } from "./go-module.ts";
import { gcore } from "./gcore.ts";
import { go, protocGenGo, protocGenGoGrpc } from "./go-plugins.ts";
import { gpg } from "./gpg.ts";
import { grpcurl } from "./grpcurl.ts";
import { motoServer } from "./moto.ts";
import { openbao } from "./openbao.ts";
import { restic } from "./restic.ts";
import { softhsm } from "./softhsm.ts";
import { sshKeygen } from "./ssh-keygen.ts";
import { systemdAnalyze } from "./systemd-analyze.ts";

const programs = [
  restic,
  gpg,
  gcore,
  go,
  grpcurl,
  protocGenGo,
  protocGenGoGrpc,
  openbao,
  motoServer,
  softhsm,
  sshKeygen,
  systemdAnalyze,
  faketime,
];

export default function setup(): void {
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  for (const needed of programs) available(needed);
  buildGo("client");
  buildGo("load");
}
