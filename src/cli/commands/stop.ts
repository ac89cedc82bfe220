// keybroker stop: the emergency stop.

import type { Command } from "commander";
import { withClient } from "../connect.ts";
import { usage } from "../failure.ts";
import { connectionFlags, define, Flag, keyFlag, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { table } from "../table.ts";

/** Which keys are meant. */
export interface Target {
  readonly key?: string;
  readonly all?: boolean;
}

interface Settings extends ConnectionSettings, Target {
  readonly reason?: string;
}

/** What to say where the store is away. */
export const unshared =
  "warning: the store is away, so other daemons learn of it once it is back: run this at each of them\n";

export const allFlag = (description: string): Flag => new Flag("--all", description, "KEYBROKER_ALL_KEYS");

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    keyFlag("the key to stop"),
    allFlag("stop every key"),
    new Flag("--reason <text>", "why: refused callers and the audit are told"),
    ...connectionFlags(),
  ];
  const command = define(
    "stop",
    "Refuse to open anything, at once, in every daemon of the store; needs a listener with admin",
    flags,
    ["keybroker stop --key backups/db --reason 'laptop stolen'", "keybroker stop --all", "keybroker stop list"],
  );
  onRun<Settings>(command, io, outcome, async (settings) => {
    const target = targetOf(settings);
    const shared = await withClient(settings, (client) =>
      client.stopKeys({ ...target, reason: settings.reason ?? "" }),
    );
    if (settings.json) return emitJson(io, { stopped: target.all ? "all" : target.key, shared });
    if (!shared) io.stderr.write(unshared);
    const what = target.all ? "all keys are" : `key ${target.key} is`;
    await emit(io, `${what} stopped: unwrap, rewrap and check are refused, wrapping goes on\n`);
  });
  // What follows `list` is for it, and not for this command, which has the same flags.
  return command.enablePositionalOptions().addCommand(listCommand(io, outcome));
}

/** One key, or all. */
export function targetOf({ key, all = false }: Target): { readonly key: string; readonly all: boolean } {
  if (all === (key === undefined)) return { key: key ?? "", all };
  throw usage("name either a key with --key, or --all");
}

function listCommand(io: Io, outcome: Outcome): Command {
  const list = define("list", "List the stops in force", connectionFlags(), ["keybroker stop list --json"]);
  return onRun<ConnectionSettings>(list, io, outcome, async (settings) => {
    const { stops, epoch, complete } = await withClient(settings, (client) => client.listStops());
    if (settings.json) return emitJson(io, { stops, epoch: Number(epoch), complete });
    if (!complete) io.stderr.write("warning: the store is away: other daemons may have stops that are not listed\n");
    const rows = stops.map((stop) => [
      stop.key === "" ? "(all)" : stop.key,
      stop.stoppedAt?.toISOString() ?? "",
      stop.identity,
      stop.reason,
    ]);
    await emit(io, table(["KEY", "SINCE", "BY", "REASON"], rows));
  });
}
