// A policy and those it is for, in two sizes: the keys are the same, so that only rules and identities tell.

import { configurationFrom, type LoadedConfiguration } from "../../../src/config/index.ts";

/** How much there is. */
export interface Size {
  readonly rules: number;
  readonly identities: number;
}

export const small: Size = { rules: 10, identities: 10 };
export const large: Size = { rules: 1_000, identities: 10_000 };

const keys = 10;
/** The key of the generator's calls. */
const benchKey = "default";
/** Who makes them, by the listener `main`. */
const benchIdentity = "bench";

/** The names of the identities that show a certificate. */
export function identityNames({ identities }: Size): string[] {
  return Array.from({ length: identities - 1 }, (_, index) => `i${index}`);
}

/**
 * A configuration of a size. Each rule is for a group of its own, and they part the identities among them; the caller's is
 * the last. The socket `keybroker.sock`, the files `ca.pem`, `tls.crt` and `tls.key` are in the configuration's folder.
 */
export function configurationText(size: Size): string {
  const names = identityNames(size);
  const groups = Array.from({ length: size.rules - 1 }, (_, group) =>
    names.filter((_, index) => index % (size.rules - 1) === group),
  );
  const keyNames = [benchKey, ...Array.from({ length: keys - 1 }, (_, index) => `backups/k${index}`)];
  const lines = [
    "version: 1",
    "realm: bench",
    'providers: { local: { kind: env, keys: { "1": "${BENCH_MASTER_KEY}" } } }',
    "keys:",
    ...keyNames.map((name) => `  ${name}: { wrapTo: [{ provider: local }] }`),
    "listeners:",
    `  main: { unix: keybroker.sock, identity: ${benchIdentity} }`,
    '  mesh: { tcp: "127.0.0.1:0", tls: { cert: tls.crt, key: tls.key } }',
    "identities:",
    ...names.map((name) => `  ${name}: { listener: mesh, ca: ca.pem, dns: ${name}.bench }`),
    "groups:",
    ...groups.map((members, group) => `  g${group}: [${members.join(", ")}]`),
    "policy:",
    ...groups.map((_, group) => `  - { who: g${group}, may: [wrap, unwrap], keys: ${keyNames[group % keys]} }`),
    `  - { who: ${benchIdentity}, may: [wrap, unwrap], keys: "*" }`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The same, loaded in this process. */
export function loadSize(size: Size): Promise<LoadedConfiguration> {
  process.env["BENCH_MASTER_KEY"] = "unread";
  return configurationFrom(configurationText(size), { files: "skip" });
}
