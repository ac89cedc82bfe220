// Master keys of the env provider, in files as systemd credentials and mounted secrets are.

import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A master key in a 0600 file. */
export interface MasterKeyFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** Writes a new random one, in base64. */
export function masterKeyFile(folder: string, name: string): MasterKeyFile {
  const bytes = randomBytes(32);
  const path = join(folder, name);
  writeFileSync(path, `${bytes.toString("base64")}\n`, { mode: 0o600 });
  return { path, bytes };
}

/** A configuration with one env provider, one key `backups/files`, and one socket whose identity may do all. */
export function configuration(
  keys: Readonly<Record<string, string>>,
  primary: string,
  { retired = [], extra = "" }: { readonly retired?: readonly string[]; readonly extra?: string } = {},
): string {
  const kept = Object.entries(keys).filter(([version]) => !retired.includes(version));
  return `version: 1
realm: test
providers:
  local:
    kind: env
    keys: { ${kept.map(([version, source]) => `"${version}": "${source}"`).join(", ")} }
    primary: "${primary}"
keys:
  backups/files:
    wrapTo: [{ provider: local }]
  backups/other:
    wrapTo: [{ provider: local }]
listeners:
  backup: { unix: keybroker.sock, mode: "0600", identity: backup, admin: true }
policy:
  - { who: backup, may: [wrap, unwrap, generate, rewrap, check, inspect], keys: "backups/*" }
  - { who: backup, may: [admin.keys.list, admin.status], keys: "*" }
${extra}`;
}
