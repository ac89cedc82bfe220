// keybroker resume: lifts an emergency stop.

import type { Command } from "commander";
import { withClient } from "../connect.ts";
import { connectionFlags, define, keyFlag, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { allFlag, targetOf, unshared, type Target } from "./stop.ts";

type Settings = ConnectionSettings & Target;

export function build(io: Io, outcome: Outcome): Command {
  const flags = [keyFlag("the key to resume"), allFlag("lift the stop of all keys"), ...connectionFlags()];
  const command = define("resume", "Lift an emergency stop; needs a listener with admin", flags, [
    "keybroker resume --key backups/db",
    "keybroker resume --all",
  ]);
  return onRun<Settings>(command, io, outcome, async (settings) => {
    const target = targetOf(settings);
    const { shared, resumed, remaining } = await withClient(settings, (client) => client.resumeKeys(target));
    if (settings.json) return emitJson(io, { resumed, shared, remaining });
    if (!shared) io.stderr.write(unshared);
    const what = target.all ? "the stop of all keys" : `the stop of key ${target.key}`;
    const done = resumed ? `${what} is lifted` : `${what} was not in force`;
    const rest = remaining === 0 ? "nothing is stopped" : `${remaining} still in force: see keybroker stop list`;
    await emit(io, `${done}; ${rest}\n`);
  });
}
