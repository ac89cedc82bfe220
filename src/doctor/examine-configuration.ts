// The configuration as the daemon would read it, with what to do about each problem.

import { ConfigurationError, configurationFrom, loadConfiguration } from "../config/index.ts";
import type { Configuration, LoadedConfiguration, LoadOptions, Problem } from "../config/index.ts";
import { bad, good, note } from "./diagnosis.ts";
import type { Diagnosis } from "./diagnosis.ts";

/** Where a configuration is: in a file, or in a text that was made for this. */
export type ConfigurationSource = { readonly file: string } | { readonly text: string };

/** What became of it. */
export interface ExaminedConfiguration {
  /** Undefined when no provider can be looked at. */
  readonly configuration: Configuration | undefined;
  readonly diagnoses: readonly Diagnosis[];
}

/**
 * Reads and checks a configuration. Where nothing but files of certificates and keys is wrong, the configuration is there
 * all the same: providers do not need them.
 */
export async function examineConfiguration(source: ConfigurationSource): Promise<ExaminedConfiguration> {
  try {
    const { configuration, warnings } = await load(source, {});
    const { keys, providers, digest } = configuration;
    const sizes = `${counted(providers.size, "provider")}, ${counted(keys.size, "key")}`;
    const summary = good("configuration", `${sizes}, digest ${digest.slice(0, 12)}`);
    return { configuration, diagnoses: [summary, ...warnings.map((one) => note(placeOf(one), sentenceOf(one)))] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const diagnoses = error.problems.map(diagnosisOf);
    return { configuration: await withoutFiles(source), diagnoses };
  }
}

async function withoutFiles(source: ConfigurationSource): Promise<Configuration | undefined> {
  try {
    return (await load(source, { files: "skip" })).configuration;
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined;
    throw error;
  }
}

function load(source: ConfigurationSource, options: LoadOptions): Promise<LoadedConfiguration> {
  return "file" in source ? loadConfiguration(source.file, options) : configurationFrom(source.text, options);
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

function diagnosisOf(problem: Problem): Diagnosis {
  return bad(placeOf(problem), sentenceOf(problem), fixOf(problem), "configuration");
}

function placeOf({ line, column }: Problem): string {
  return line === 0 ? "configuration" : `line ${line}:${column}`;
}

function sentenceOf({ path, message }: Problem): string {
  return path === "" ? message : `${path}: ${message}`;
}

const missingVariable = /environment variable ([A-Za-z_][A-Za-z0-9_]*) is (?:not set|empty)/;

function fixOf({ message, expected, nearest }: Problem): string {
  const variable = missingVariable.exec(message)?.[1];
  if (variable !== undefined) return variableFix(variable);
  if (nearest !== undefined) return `write "${nearest}"`;
  return expected === undefined ? "correct the file, then: keybroker config check FILE" : `write ${expected}`;
}

/** The daemon's environment is its service's, and doctor's is this shell's. */
function variableFix(variable: string): string {
  return (
    `doctor takes ${variable} from its own environment, and it is not there; the daemon may well have it from its ` +
    `service (systemd's EnvironmentFile=, a Kubernetes secret). Run doctor with the same, such as ` +
    "`systemd-run --pty -p EnvironmentFile=/etc/keybroker/env keybroker doctor`, or set it for the daemon"
  );
}
