// keybroker grant: consent to restores, from the request to its end.

import type { Command } from "commander";
import { grantNamespace, parseDocument } from "../../grants/index.ts";
import { withClient } from "../connect.ts";
import { usage } from "../failure.ts";
import { connectionFlags, define, Flag, jsonFlag, onRun, outputFlag, overwriteFlag } from "../flags.ts";
import type { ConnectionSettings, Outcome } from "../flags.ts";
import { readGrant, readGrantFile } from "../grant-file.ts";
import { grantFacts, grantObject, grantTable, statementFacts, statementObject } from "../grant-text.ts";
import { requestFlags, requestOf, type RequestSettings } from "../grant-request.ts";
import { write, type Io } from "../io.ts";
import { checkOutput, emit, emitJson, type OutputSettings } from "../output.ts";
import { writeWhole } from "../output-file.ts";
import { sshSign } from "../ssh-sign.ts";
import { facts } from "../table.ts";

interface ApproveSettings extends ConnectionSettings {
  readonly sshKey?: string;
  readonly offline?: boolean;
}

export function build(io: Io, outcome: Outcome): Command {
  return define("grant", "Grants: consent that the policy asks for before a restore", [], [])
    .addCommand(requestCommand(io, outcome))
    .addCommand(approveCommand(io, outcome))
    .addCommand(showCommand(io, outcome))
    .addCommand(openCommand(io, outcome))
    .addCommand(listCommand(io, outcome))
    .addCommand(revokeCommand(io, outcome));
}

function requestCommand(io: Io, outcome: Outcome): Command {
  const flags = [...requestFlags(), outputFlag("the document"), overwriteFlag(), ...connectionFlags()];
  const command = define("request", "Write the document of a grant, for approvers to sign", flags, [
    "keybroker grant request --keys backups/db --identity restore --for 4h --max-unwraps 50 --reason INC-1234 >grant.txt",
    "keybroker grant request --offline --realm prod --requester alice --identity restore --keys 'backups/*' \\",
    "    --context host=db1 --for 1h --max-unwraps 5 --reason INC-1234 --output grant.txt",
  ]);
  return onRun<ConnectionSettings & OutputSettings & RequestSettings>(command, io, outcome, async (settings) => {
    checkOutput(io, settings, false);
    const document = await requestOf(settings);
    if (settings.output === undefined) return emit(io, document);
    writeDocument(settings.output, document, settings.overwrite ?? false);
  });
}

function approveCommand(io: Io, outcome: Outcome): Command {
  const flags = [
    new Flag("--ssh-key <file>", "your SSH key; or its .pub file, where an agent or a security key holds it"),
    new Flag("--offline", "sign alone: the daemon puts your approval on record when the grant is opened or used"),
    ...connectionFlags(),
  ];
  const command = define("approve", "Show a grant and sign it with your SSH key; its file gets your signature", flags, [
    "keybroker grant approve grant.txt --ssh-key ~/.ssh/id_ed25519_sk",
    "keybroker grant approve grant.txt --ssh-key ~/.ssh/id_ed25519.pub --offline",
  ]).argument("<file>", "the grant");
  return onRun<ApproveSettings>(command, io, outcome, async (settings, [file]) => {
    if (settings.sshKey === undefined) throw usage("--ssh-key is needed (or KEYBROKER_SSH_KEY)");
    const before = await readGrantFile(file!);
    const { id, statement, text } = parseDocument(before);
    await write(io.stderr, facts(statementFacts(id, statement)));
    const signature = sshSign(text, grantNamespace, settings.sshKey);
    const document = `${before.trimEnd()}\n${signature}`;
    const { signers } = parseDocument(document);
    writeDocument(file!, document, true);
    if (!settings.offline) {
      const grant = await withClient(settings, (client) => client.approveGrant(document));
      return settings.json
        ? emitJson(io, grantObject(grant))
        : emit(io, facts([["approved by", grant.approvers.join(", ")]]));
    }
    const keys = signers.map(({ fingerprint }) => fingerprint);
    await (settings.json ? emitJson(io, { id, signers: keys }) : emit(io, facts([["signed by", keys.join(", ")]])));
  });
}

function showCommand(io: Io, outcome: Outcome): Command {
  const command = define(
    "show",
    "Say what a grant says and which keys signed it, without asking a daemon",
    [jsonFlag()],
    ["keybroker grant show grant.txt"],
  ).argument("[file]", "the grant; standard input when left out");
  return onRun<{ readonly json?: boolean }>(command, io, outcome, async ({ json }, [file]) => {
    const { id, statement, signers } = parseDocument(await readGrant(io, file));
    const keys = signers.map(({ fingerprint }) => fingerprint);
    if (json) return emitJson(io, { ...statementObject(id, statement), signers: keys });
    await emit(io, facts([...statementFacts(id, statement), ["signed by", keys.join(", ") || "nobody yet"]]));
  });
}

function openCommand(io: Io, outcome: Outcome): Command {
  const flags = [new Flag("--dry-run", "say whether it would open, and open nothing"), ...connectionFlags()];
  const command = define("open", "Open a grant that enough approvers signed", flags, [
    "keybroker grant open grant.txt",
    "keybroker grant open grant.txt --dry-run",
  ]).argument("[file]", "the grant; standard input when left out");
  type Settings = ConnectionSettings & { readonly dryRun?: boolean };
  return onRun<Settings>(command, io, outcome, async (settings, [file]) => {
    const document = await readGrant(io, file);
    const input = { document, validateOnly: settings.dryRun ?? false };
    const grant = await withClient(settings, (client) => client.openGrant(input));
    if (settings.json) return emitJson(io, { dryRun: input.validateOnly, ...grantObject(grant) });
    await emit(io, facts([...grantFacts(grant), ["result", input.validateOnly ? "would be opened" : "open"]]));
  });
}

function listCommand(io: Io, outcome: Outcome): Command {
  const command = define("list", "List grants that were opened, and what is left of them", connectionFlags(), [
    "keybroker grant list",
    "keybroker grant list --json",
  ]);
  return onRun<ConnectionSettings>(command, io, outcome, async (settings) => {
    const grants = await withClient(settings, (client) => client.listGrants());
    await (settings.json ? emitJson(io, { grants: grants.map(grantObject) }) : emit(io, grantTable(grants)));
  });
}

function revokeCommand(io: Io, outcome: Outcome): Command {
  const command = define("revoke", "Revoke a grant: its document opens nothing any more", connectionFlags(), [
    "keybroker grant revoke 0c5f5a0d9c2ba1f8b1f5f0d3e4a6c7b8",
  ]).argument("<id>", "the grant's id");
  return onRun<ConnectionSettings>(command, io, outcome, async (settings, [id]) => {
    const revoked = await withClient(settings, (client) => client.revokeGrant(id!));
    if (settings.json) return emitJson(io, { id, revoked });
    await emit(io, facts([[`grant ${id!}`, revoked ? "revoked" : "was revoked before"]]));
  });
}

function writeDocument(file: string, document: string, overwrite: boolean): void {
  writeWhole(file, Buffer.from(document, "latin1"), { mode: 0o666 & ~process.umask(), overwrite });
}
