// keybroker inspect: what stands in an envelope's public header.

import type { Command } from "commander";
import type { InspectOutput } from "../../client/index.ts";
import { withClient } from "../connect.ts";
import { connectionFlags, define, onRun, type ConnectionSettings, type Outcome } from "../flags.ts";
import { readEnvelope } from "../input.ts";
import type { Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { facts, table } from "../table.ts";

export function build(io: Io, outcome: Outcome): Command {
  const command = define("inspect", "Show an envelope's public header; proves nothing", connectionFlags(), [
    "keybroker inspect data.kb1",
    "keybroker inspect data.kb1 --json",
  ]).argument("[file]", "the envelope, in either form; standard input when left out");
  return onRun<ConnectionSettings>(command, io, outcome, async (settings, [file]) => {
    const { bytes: envelope } = await readEnvelope(io, file);
    const header = await withClient(settings, (client) => client.inspect({ envelope }));
    await (settings.json ? emitJson(io, objectOf(header)) : emit(io, textOf(header)));
  });
}

function objectOf(header: InspectOutput): object {
  const { realm, key, suite, threshold, plaintextLength, recipients } = header;
  const branchId = Buffer.from(header.branchId).toString("hex");
  return { realm, key, suite, threshold, branchId, plaintextLength, recipients: recipients.map(recipientOf) };
}

function recipientOf(recipient: InspectOutput["recipients"][number]): Record<string, string | number> {
  const { provider, providerKind, scheme, masterKeyId, version } = recipient;
  return { provider, providerKind, scheme, masterKeyId, version };
}

function textOf(header: InspectOutput): string {
  const rows = header.recipients.map((recipient) => Object.values(recipientOf(recipient)).map(String));
  return (
    facts([
      ["realm", header.realm],
      ["key", header.key],
      ["suite", String(header.suite)],
      ["branch", Buffer.from(header.branchId).toString("hex")],
      ["opens with", `${header.threshold} of ${header.recipients.length}`],
      ["data key", `${header.plaintextLength} bytes`],
    ]) + table(["PROVIDER", "KIND", "SCHEME", "MASTER KEY", "VERSION"], rows)
  );
}
