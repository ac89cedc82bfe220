// keybroker status: how the daemon is.

import type { Command } from "commander";
import type { DaemonStatus } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, define, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { facts, table } from "../table.ts";

export function build(io: Io, outcome: Outcome): Command {
  const command = define("status", "Show how the daemon is; needs a listener with admin", connectionFlags(), [
    "keybroker status",
    "keybroker status --wait 10s --json",
  ]);
  return onRun<ConnectionSettings>(command, io, outcome, async (settings) => {
    const status = await withClient(settings, (client) => client.status());
    await (settings.json ? emitJson(io, objectOf(status)) : emit(io, textOf(status)));
  });
}

function objectOf(status: DaemonStatus): object {
  const { version, realm, startedAt, configurationDigest, configurationAt, reloadError, warnings } = status;
  const providers = status.providers.map(({ name, kind, reachable, canWrap, canUnwrap, lastCallAt, error }) => ({
    name,
    kind,
    reachable,
    canWrap,
    canUnwrap,
    lastCallAt,
    error,
  }));
  return { version, realm, startedAt, configurationDigest, configurationAt, reloadError, providers, warnings };
}

function textOf(status: DaemonStatus): string {
  const rows = status.providers.map(({ name, kind, reachable, canWrap, canUnwrap, lastCallAt, error }) => [
    name,
    kind,
    lastCallAt === undefined ? "not called yet" : reachable ? "yes" : "no",
    canWrap ? "yes" : "no",
    canUnwrap ? "yes" : "no",
    lastCallAt?.toISOString() ?? "",
    error,
  ]);
  const head = facts([
    ["version", status.version],
    ["realm", status.realm],
    ["started", status.startedAt?.toISOString() ?? ""],
    [
      "configuration",
      `${status.configurationDigest.slice(0, 12)} since ${status.configurationAt?.toISOString() ?? "start"}`,
    ],
    ["last reload refused", status.reloadError],
    ...status.warnings.map((warning) => ["warning", warning] as const),
  ]);
  return head + table(["PROVIDER", "KIND", "REACHABLE", "WRAPS", "UNWRAPS", "LAST CALL", "ERROR"], rows);
}
