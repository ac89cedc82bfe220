// keybroker keys versions, rotate, set-version: master keys at their backends.

import { Argument, type Command } from "commander";
import type { MasterKeyInput, MasterKeyVersion, MasterKeyVersionState } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, define, Flag, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { facts, table } from "../table.ts";

interface Settings extends ConnectionSettings {
  readonly provider?: string;
  readonly masterKey?: string;
  readonly dryRun?: boolean;
}

const states = ["primary", "enabled", "disabled"] as const satisfies readonly MasterKeyVersionState[];

const masterKeyFlags = (): Flag[] => [
  new Flag("--provider <name>", "whose master key, where the key has several"),
  // KEYBROKER_MASTER_KEY is the embedded default's master key itself.
  new Flag("--master-key <id>", "which master key, by the id that `keys list --json` shows", "KEYBROKER_MASTER_KEY_ID"),
];
const dryRunFlag = (): Flag =>
  new Flag("--dry-run", "check permission, master key and backend, and change nothing", "KEYBROKER_DRY_RUN");

/** keys versions. */
export function versionsCommand(io: Io, outcome: Outcome): Command {
  const flags = [...masterKeyFlags(), ...connectionFlags()];
  const command = define("versions", "List the versions of a key's master key, as its backend tells them", flags, [
    "keybroker keys versions backups/db",
    "keybroker keys versions backups/db --provider gcp-dr --json",
  ]).argument("<key>", "the key");
  return onRun<Settings>(command, io, outcome, async (settings, [key]) => {
    const found = await withClient(settings, (client) => client.listMasterKeyVersions(inputOf(key!, settings)));
    const { provider, masterKeyId, versions } = found;
    if (settings.json) return emitJson(io, { provider, masterKeyId, versions: versions.map(objectOf) });
    const rows = versions.map(({ version, state, createdAt }) => [
      version,
      word(state),
      createdAt?.toISOString() ?? "",
    ]);
    await emit(io, facts(masterKeyFacts(found)) + table(["VERSION", "STATE", "CREATED"], rows));
  });
}

/** keys rotate. */
export function rotateCommand(io: Io, outcome: Outcome): Command {
  const flags = [...masterKeyFlags(), dryRunFlag(), ...connectionFlags()];
  const command = define("rotate", "Have the backend make a new version of a key's master key", flags, [
    "keybroker keys rotate backups/db --dry-run",
    "keybroker keys rotate backups/db --provider vault-eu",
  ]).argument("<key>", "the key");
  return onRun<Settings>(command, io, outcome, async (settings, [key]) => {
    const change = { ...inputOf(key!, settings), validateOnly: dryRun(settings) };
    const { provider, masterKeyId, version } = await withClient(settings, (client) => client.rotateMasterKey(change));
    if (settings.json) return emitJson(io, { dryRun: dryRun(settings), provider, masterKeyId, version });
    const done = dryRun(settings)
      ? "would be rotated"
      : `rotated: new envelopes use version ${version}; rewrap the old ones with keybroker rewrap`;
    await emit(io, facts([...masterKeyFacts({ provider, masterKeyId }), ["result", done]]));
  });
}

/** keys set-version. */
export function setVersionCommand(io: Io, outcome: Outcome): Command {
  const flags = [...masterKeyFlags(), dryRunFlag(), ...connectionFlags()];
  const command = define("set-version", "Have the backend change what a version of a master key may do", flags, [
    "keybroker keys set-version backups/db 3 primary",
    "keybroker keys set-version backups/db 1 disabled --dry-run",
  ])
    .argument("<key>", "the key")
    .argument("<version>", "the version, as `keys versions` shows it")
    .addArgument(
      new Argument("<state>", "primary wraps, enabled unwraps alone, disabled does neither").choices([...states]),
    );
  return onRun<Settings>(command, io, outcome, async (settings, [key, version, state]) => {
    const change = { ...inputOf(key!, settings), validateOnly: dryRun(settings), version: version! };
    const wanted = state as MasterKeyVersionState;
    const answer = await withClient(settings, (client) =>
      client.setMasterKeyVersionState({ ...change, state: wanted }),
    );
    const { provider, masterKeyId } = answer;
    const object = { dryRun: dryRun(settings), provider, masterKeyId, version: objectOf(answer.version) };
    if (settings.json) return emitJson(io, object);
    const now = word(answer.version.state);
    const done = dryRun(settings) ? `is ${now}, would be ${wanted}` : `is ${now}`;
    await emit(io, facts([...masterKeyFacts(answer), [`version ${version!}`, done]]));
  });
}

function inputOf(key: string, { provider, masterKey }: Settings): MasterKeyInput {
  return { key, provider, masterKeyId: masterKey };
}

function dryRun(settings: Settings): boolean {
  return settings.dryRun ?? false;
}

function masterKeyFacts({ provider, masterKeyId }: { readonly provider: string; readonly masterKeyId: string }) {
  return [
    ["provider", provider],
    ["master key", masterKeyId],
  ] as [string, string][];
}

function objectOf({ version, state, createdAt }: MasterKeyVersion): object {
  return { version, state: word(state), createdAt };
}

function word(state: MasterKeyVersionState | undefined): string {
  return state ?? "unknown";
}
