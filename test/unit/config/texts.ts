// Configuration texts for tests, and what comes of loading them.

import { ConfigurationError, configurationFrom, type LoadOptions } from "../../../src/config/index.ts";

process.env["CONFIG_TEST_KEY"] = "unread";
process.env["CONFIG_TEST_OTHER_KEY"] = "unread too";

/** A whole configuration with nothing wrong; each part may be replaced, or left out with undefined. */
export function textOf(
  parts: Partial<Record<keyof typeof sound, string | undefined>> & { extra?: string } = {},
): string {
  const { extra = "", ...replaced } = parts;
  const all: Record<string, string | undefined> = { ...sound, ...replaced };
  const lines = Object.entries(all).flatMap(([part, value]) => (value === undefined ? [] : [`${part}: ${value}`]));
  return `${lines.join("\n")}\n${extra}`;
}

const sound = {
  version: "1",
  realm: "prod",
  providers: `\n  local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" } }`,
  keys: "\n  backups/db: { wrapTo: [{ provider: local }] }",
  listeners: "\n  sock: { unix: /run/keybroker/backup.sock, identity: backup }",
  policy: "\n  - { who: backup, may: [wrap, unwrap], keys: backups/db }",
};

/** Loads a text without a file. */
export async function load(text: string, options: LoadOptions = {}) {
  return (await configurationFrom(text, options)).configuration;
}

/** The warnings of a text that loads, as `line:column path: message`. */
export async function warningsOf(text: string, options: LoadOptions = {}): Promise<string[]> {
  const { warnings } = await configurationFrom(text, options);
  return warnings.map(({ path, message }) => `${path}: ${message}`);
}

/** The report of a text that must not load, line by line and without a file's name. */
export async function problemsOf(text: string, options: LoadOptions = {}): Promise<string[]> {
  return (await errorOf(text, options)).message.split("\n").map((line) => line.replace("configuration:", ""));
}

/** The error of a text that must not load. */
export async function errorOf(text: string, options: LoadOptions = {}): Promise<ConfigurationError> {
  const outcome = await configurationFrom(text, options).catch((error: unknown) => error);
  if (outcome instanceof ConfigurationError) return outcome;
  throw new Error(`this loaded: ${text}`, { cause: outcome });
}
