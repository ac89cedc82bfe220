// From a text or file to a Configuration, or to everything that is wrong with it.

import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import { buildParts, type Parts } from "./build.ts";
import { checkApprovers } from "./check/approvers.ts";
import { checkFiles } from "./check/files.ts";
import { noFaults, type Faults } from "./check/faults.ts";
import { checkIdentities } from "./check/identities.ts";
import { checkKeys } from "./check/keys.ts";
import { checkListeners } from "./check/listeners.ts";
import { checkPolicy } from "./check/policy.ts";
import { checkQuotas } from "./check/quotas.ts";
import { checkReferences } from "./check/references.ts";
import { checkStore } from "./check/store.ts";
import type { Configuration } from "./configuration.ts";
import { parseDocument, type ConfigurationDocument } from "./document.ts";
import { readDraft } from "./draft.ts";
import { loadNoKind, readProviders, type LoadKind } from "./kinds.ts";
import { ConfigurationError, pathText, type Finding, type Path, type Problem } from "./problem.ts";
import { readConfigurationFile } from "./read-file.ts";
import type { ShellEntry } from "./schema/root.ts";

/** A configuration that may be used, and what its author should know. */
export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** In the file's order. */
  readonly warnings: readonly Problem[];
  /** Where something stands in the file: its line and column, from 1. `atName` asks for the name of a map's entry. */
  readonly locate: (path: Path, atName?: boolean) => { readonly line: number; readonly column: number };
}

/** What configurationFrom needs beside the text. */
export interface LoadOptions {
  /** The file it came from: for messages, and relative paths are taken from its folder (else the current one). */
  readonly file?: string;
  /** Look into the certificate and key files it names (the default), or leave them alone. */
  readonly files?: "check" | "skip";
  /** What a file comes to that others may change: refused (the default), or loaded with a warning. */
  readonly access?: "refuse" | "warn";
  /**
   * Have providers' kinds read their settings and recipients (the default), or leave both unread: for looking at rules
   * where the secrets are not. Such a configuration cannot be served.
   */
  readonly providers?: "check" | "skip";
  /** Where provider kinds come from: for tests. */
  readonly loadKind?: LoadKind;
}

/** Loads a file. Throws ConfigurationError with all problems. */
export async function loadConfiguration(file: string, options: LoadOptions = {}): Promise<LoadedConfiguration> {
  const read = await readConfigurationFile(file);
  const whole = { file, line: 0, column: 0, path: "" };
  if (read.text === undefined) throw new ConfigurationError([{ ...whole, message: read.fault }]);
  const { access } = read;
  if (access === undefined) return configurationFrom(read.text, { ...options, file });
  const problem = { ...whole, message: `this file ${access}` };
  // Before anything in it counts: it names modules that would be loaded.
  if (options.access !== "warn") throw new ConfigurationError([problem]);
  const loaded = await configurationFrom(read.text, { ...options, file });
  return { ...loaded, warnings: [problem, ...loaded.warnings] };
}

/** Makes a configuration of a text. Throws ConfigurationError with all problems. */
export async function configurationFrom(text: string, options: LoadOptions = {}): Promise<LoadedConfiguration> {
  const { file } = options;
  const document = parseDocument(text);
  const inYaml = document.problems.map(({ finding, line, column }) => problem(finding, file, { line, column }));
  // With broken YAML only the YAML is spoken of: what is left of the values would mislead.
  if (document.value === undefined) throw new ConfigurationError(inYaml);
  const folder = file === undefined ? process.cwd() : dirname(resolve(file));
  const { parts, faults } = await read(document.value, folder, options);
  const errors = [...inYaml, ...located(faults.errors, document, file)].sort(byPlace);
  const reported = oncePerPlace(errors);
  if (reported.length > 0 || parts.shell === undefined) throw new ConfigurationError(reported);
  const digest = createHash("sha256").update(text).digest("hex");
  const configuration = finish(parts, parts.shell, { file, digest, folder });
  const locate: LoadedConfiguration["locate"] = (path, atName) => {
    const { line, column } = document.locate(path, atName);
    return { line, column };
  };
  return { configuration, warnings: located(faults.warnings, document, file).sort(byPlace), locate };
}

async function read(value: unknown, folder: string, options: LoadOptions): Promise<{ parts: Parts; faults: Faults }> {
  const faults = noFaults();
  const draft = readDraft(value);
  const providers = await readProviders(draft.providers, options.providers === "skip" ? loadNoKind : options.loadKind);
  faults.errors.push(...draft.findings, ...providers.findings);
  const parts = buildParts(draft, providers, folder, faults.errors);
  checkReferences(value, faults);
  checkKeys(parts, faults);
  checkListeners(parts, faults);
  checkIdentities(parts, faults);
  checkPolicy(parts, faults);
  checkQuotas(parts, faults);
  checkStore(parts, faults);
  if (options.files !== "skip") {
    checkApprovers(parts, faults);
    await checkFiles(parts, faults);
  }
  return { parts, faults };
}

function finish(
  parts: Parts,
  shell: ShellEntry,
  origin: { file: string | undefined; digest: string; folder: string },
): Configuration {
  const {
    callTimeout,
    drainTimeout,
    idleTimeout,
    prefaceTimeout,
    providerTimeout,
    probeInterval,
    maxMessage,
    maxHeaders,
  } = shell.limits;
  const { maxStreamsPerConnection, maxProviderCalls, refusedLoads, providerCallsPerIdentity } = shell.limits;
  return {
    file: origin.file,
    digest: origin.digest,
    realm: shell.realm,
    acceptRealms: shell.acceptRealms,
    providers: parts.providers.configurations,
    keys: parts.keys,
    listeners: parts.listeners,
    identities: parts.identities,
    groups: new Map(Object.entries(shell.groups)),
    approvers: parts.approvers,
    policy: [...parts.rules.values()],
    audit: {
      folder: resolve(origin.folder, shell.audit.folder ?? "audit"),
      contextValues: shell.audit.contextValues,
      durability: shell.audit.durability,
      signingKey: shell.audit.signingKey && resolve(origin.folder, shell.audit.signingKey),
      checkpointEveryMs: shell.audit.checkpointEvery,
      rotateBytes: shell.audit.rotateAt,
      keepMs: shell.audit.keep ?? Infinity,
      reserveBytes: shell.audit.reserve,
      denialsPerSecond: shell.audit.denialsPerSecond,
      sinks: sinksOf(shell.audit.sinks, origin.folder),
    },
    store: shell.store && { sqlite: resolve(origin.folder, shell.store.sqlite) },
    metrics: shell.metrics?.listen,
    log: shell.log,
    limits: {
      callTimeoutMs: callTimeout,
      drainTimeoutMs: drainTimeout,
      idleTimeoutMs: idleTimeout,
      prefaceTimeoutMs: prefaceTimeout,
      maxStreamsPerConnection,
      maxMessageBytes: maxMessage,
      maxHeaderBytes: maxHeaders,
      maxProviderCalls,
      providerTimeoutMs: providerTimeout,
      probeIntervalMs: probeInterval,
      refusedLoads,
      providerCallsPerIdentity,
    },
  };
}

function sinksOf({ syslog, otlp }: ShellEntry["audit"]["sinks"], folder: string): Configuration["audit"]["sinks"] {
  const ca = syslog?.ca && resolve(folder, syslog.ca);
  return { ...(syslog && { syslog: { ...syslog.address, ca } }), ...(otlp && { otlp }) };
}

function located(findings: readonly Finding[], document: ConfigurationDocument, file: string | undefined): Problem[] {
  return findings.map((finding) => {
    const { line, column, path } = document.locate(finding.path, finding.atName);
    return problem({ ...finding, path }, file, { line, column });
  });
}

function problem(finding: Finding, file: string | undefined, place: { line: number; column: number }): Problem {
  const { path, message, expected, nearest } = finding;
  const found = { file, ...place, path: pathText(path), message };
  return { ...found, ...(expected === undefined ? {} : { expected }), ...(nearest === undefined ? {} : { nearest }) };
}

function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column;
}

/** What the YAML check and the schema both refuse at one place is one problem: the first says it. */
function oncePerPlace(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ line, column, path }) => {
    const place = `${line}:${column}:${path}`;
    return !seen.has(place) && seen.add(place);
  });
}
