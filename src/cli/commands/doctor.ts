// keybroker doctor: everything that a daemon with this configuration needs, looked at from here.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { Configuration } from "../../config/index.ts";
import type { ConfigurationSource } from "../../doctor/index.ts";
import { withClient } from "../connect.ts";
import { adminAddress, daemonsView } from "../doctor-daemon.ts";
import { doctorReport, type DoctorReport } from "../doctor-report.ts";
import { CliError, usage } from "../failure.ts";
import { connectionFlags, define, Flag, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { waiting } from "../waiting.ts";
import { configFlag } from "./config.ts";

interface Settings extends ConnectionSettings {
  readonly config?: string;
}

/** Flags of ours that calls of the daemon have too, or that make no sense here. */
const own = new Set(["--timeout", "--wait"]);

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    configFlag(),
    new Flag("--timeout <duration>", "how long each step may take").duration().default(10_000, "10s"),
    ...connectionFlags().filter(({ long }) => !own.has(long!)),
  ];
  const summary =
    "Look at the configuration and the providers, make a round trip, and say what to do about what is wrong";
  const command = define("doctor", summary, flags, [
    "keybroker doctor",
    "keybroker doctor --config /etc/keybroker/config.yaml",
    "keybroker doctor hsm-fra --config /etc/keybroker/config.yaml --json",
  ]).argument("[provider]", "a provider's name; all of them when left out");
  return onRun<Settings>(command, io, outcome, (settings, [provider]) => examine(io, settings, provider));
}

async function examine(io: Io, settings: Settings, only: string | undefined): Promise<number> {
  const source = await sourceOf(io, settings);
  const { examineConfiguration } = await import("../../doctor/index.ts");
  const { configuration, diagnoses } = await examineConfiguration(source);
  const names = namesOf(configuration, only);
  const report = doctorReport(io, settings.json ?? false);
  await report.section("file" in source ? `configuration ${source.file}` : "configuration: the embedded default");
  for (const diagnosis of diagnoses) await report.add(diagnosis);
  if (configuration !== undefined) {
    for (const name of names) await examineOne(io, settings, report, configuration, name);
    await report.section("daemon");
    for (const diagnosis of await viewOf(settings, configuration, names)) await report.add(diagnosis);
  }
  return report.end();
}

/** The file, or what `serve` without one would serve. Nothing is made: a state folder appears at the first start. */
export async function sourceOf(
  io: Io,
  { config, stateDir }: Pick<Settings, "config" | "stateDir">,
): Promise<ConfigurationSource> {
  if (config !== undefined) return { file: config };
  const begun = existsSync(join(stateDir, "master-key")) || (io.env["KEYBROKER_MASTER_KEY"] && existsSync(stateDir));
  if (!begun)
    throw usage(
      `name a configuration with --config: there is none, and ${stateDir} is not the state of an embedded default`,
    );
  const { embeddedText } = await import("../../daemon/index.ts");
  try {
    return { text: await embeddedText(stateDir) };
  } catch (error) {
    throw new CliError(2, (error as Error).message, error);
  }
}

function namesOf(configuration: Configuration | undefined, only: string | undefined): readonly string[] {
  const all = [...(configuration?.providers.keys() ?? [])];
  if (only === undefined || configuration === undefined) return all;
  if (!all.includes(only)) throw usage(`there is no provider ${only}: the configuration has ${all.join(", ")}`);
  return [only];
}

async function examineOne(
  io: Io,
  { timeout: timeoutMs, json }: Settings,
  report: DoctorReport,
  configuration: Configuration,
  name: string,
): Promise<void> {
  const { examineProvider } = await import("../../doctor/index.ts");
  const provider = configuration.providers.get(name)!;
  const line = waiting(io, json !== true);
  const step = (what: string): void => line.on(`${name}: ${what}`);
  await report.section(`provider ${name}`, provider.kind);
  try {
    for await (const diagnosis of examineProvider({ configuration, provider, timeoutMs, step })) {
      line.clear();
      await report.add(diagnosis);
    }
  } finally {
    line.clear();
  }
}

async function viewOf(settings: Settings, configuration: Configuration, names: readonly string[]) {
  const embedded = settings.config === undefined;
  const address = settings.address ?? (embedded ? undefined : adminAddress(configuration));
  if (address === undefined && !embedded) {
    const detail = "not asked: the configuration has no unix listener with admin: true; name another with --address";
    return [{ check: "status", outcome: "note", detail } as const];
  }
  return daemonsView((work) => withClient({ ...settings, address }, work), configuration, names);
}
