// keybroker audit: verifies, searches and follows audit logs, without a daemon.

import type { Command } from "commander";
import { define, Flag, jsonFlag, onRun, stateDirFlag, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";

interface Settings {
  readonly publicKey?: readonly string[];
  readonly checkpoint?: readonly string[];
  readonly stateDir: string;
  readonly json?: boolean;
}

const filters = [
  ["identity", "who called"],
  ["key", "the key's name"],
  ["operation", "wrap, unwrap, rewrap …"],
  ["outcome", "done, DENIED, ENVELOPE_REFUSED …"],
  ["event", "result, attempt, configuration …"],
  ["envelope", "an envelope's fingerprint, as inspect shows it"],
] as const;

const filterFlags = (): Flag[] => filters.map(([name, what]) => new Flag(`--${name} <text>`, what, variable(name)));

function variable(name: string): string {
  return `KEYBROKER_AUDIT_${name.toUpperCase()}`;
}

export function build(io: Io, outcome: Outcome): Command {
  return define("audit", "The record of every attempt", [], [])
    .addCommand(verifyCommand(io, outcome))
    .addCommand(searchCommand(io, outcome))
    .addCommand(tailCommand(io, outcome));
}

function verifyCommand(io: Io, outcome: Outcome): Command {
  const flags = [
    new Flag(
      "--public-key <file>",
      "who may have signed: the .pub file of a signing key; repeat for more",
    ).repeatable(),
    new Flag("--checkpoint <file>", "checkpoints that were kept elsewhere; repeat for more").repeatable(),
    stateDirFlag(),
    jsonFlag(),
  ];
  const command = define("verify", "Verify audit logs offline, by their chain and their signed checkpoints", flags, [
    "keybroker audit verify --public-key audit.pub /var/lib/keybroker/audit",
    "keybroker audit verify --public-key audit.pub --checkpoint kept-in-the-safe.txt copied-logs/*",
  ]).argument("[path...]", "files and folders (default: the state folder's audit)");
  return onRun<Settings>(command, io, outcome, async (settings, paths) => {
    const { verify } = await import("../audit-verify.ts");
    return await verify(io, { ...settings, paths: pathsOf(paths, settings) });
  });
}

function searchCommand(io: Io, outcome: Outcome): Command {
  const times = [
    new Flag("--since <time>", "from this time on, such as 2026-11-21 or 2026-11-21T08:00:00Z"),
    new Flag("--until <time>", "before this time"),
  ];
  const command = define(
    "search",
    "Print the records that match",
    [...filterFlags(), ...times, stateDirFlag()],
    [
      "keybroker audit search --identity restore --outcome DENIED --since 2026-11-01",
      "keybroker audit search --key backups/db /var/lib/keybroker/audit | jq .time",
    ],
  ).argument("[path...]", "files and folders (default: the state folder's audit)");
  return onRun<Settings & Record<string, string>>(command, io, outcome, async (settings, paths) => {
    const { search } = await import("../audit-search.ts");
    await search(io, { ...settings, paths: pathsOf(paths, settings) });
  });
}

function tailCommand(io: Io, outcome: Outcome): Command {
  const command = define(
    "tail",
    "Print records as they are written, until Ctrl-C",
    [...filterFlags(), stateDirFlag()],
    ["keybroker audit tail", "keybroker audit tail --outcome DENIED /var/lib/keybroker/audit"],
  ).argument("[folder]", "the audit folder (default: the state folder's audit)");
  return onRun<Settings & Record<string, string>>(command, io, outcome, async (settings, [folder]) => {
    const { tail } = await import("../audit-search.ts");
    await tail(io, { ...settings, paths: pathsOf(folder === undefined ? [] : [folder], settings) });
  });
}

function pathsOf(paths: readonly string[], { stateDir }: Settings): readonly string[] {
  return paths.length > 0 ? paths : [`${stateDir}/audit`];
}
