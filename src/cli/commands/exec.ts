// keybroker exec: a program with data keys in its environment, and in nobody else's.

import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import { wipe } from "../../secret/index.ts";
import { withClient } from "../connect.ts";
import { line, type Format } from "../encoding.ts";
import { usage } from "../failure.ts";
import { connectionFlags, contextFlag, define, Flag, grantFlag, keyFlag, onRun } from "../flags.ts";
import type { ConnectionSettings, Outcome } from "../flags.ts";
import { grantOf } from "../grant-file.ts";
import { readEnvelope } from "../input.ts";
import type { Io } from "../io.ts";
import { contextOf, environmentOf } from "../pairs.ts";
import { runChild } from "../child.ts";
import { anyKeyFlag, formatFlag, wantedKey, type KeySettings } from "./get.ts";

interface Settings extends ConnectionSettings, KeySettings {
  readonly context: readonly string[];
  readonly env?: readonly string[];
  readonly grant?: string;
  readonly format: Format;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    new Flag(
      "--env <name=file>",
      "unwrap the file's envelope into this variable; repeat for more",
      "KEYBROKER_EXEC_ENV",
    ).repeatable(),
    keyFlag("the key the envelopes must be of"),
    anyKeyFlag(),
    contextFlag(),
    grantFlag(),
    formatFlag("how data keys are written; raw: they are a line of text themselves"),
    ...connectionFlags(),
  ];
  const command = define("exec", "Run a program with data keys in its environment", flags, [
    "keybroker exec --key backups/pg --env PGBACKREST_REPO1_CIPHER_PASS=/etc/pg.kb1 -- pgbackrest backup",
    "keybroker exec --any-key --env A=a.kb1 --env B=b.kb1 -- sh -c '…'",
  ])
    .argument("<command...>", "the program and its arguments, after --")
    .passThroughOptions();
  return onRun<Settings>(command, io, outcome, async (settings, [program, ...argv]) => {
    const key = wantedKey(settings);
    const context = contextOf(settings.context);
    const files = environmentOf(settings.env ?? []);
    if (files.size === 0) throw usage("--env NAME=FILE is needed (or KEYBROKER_EXEC_ENV)");
    const wanted = { key, context, format: settings.format, ...(await grantOf(settings.grant)) };
    const variables = await withClient(settings, (client) => unwrapAll(io, client, files, wanted));
    return runChild(program!, argv, { ...passedOn(io.env), ...variables });
  });
}

interface Wanted {
  readonly key: string | undefined;
  readonly context: Record<string, string>;
  readonly format: Format;
  readonly grant?: string;
}

async function unwrapAll(
  io: Io,
  client: Client,
  files: Map<string, string>,
  wanted: Wanted,
): Promise<Record<string, string>> {
  const entries = await Promise.all(
    [...files].map(async ([name, file]) => [name, await unwrapLine(io, client, file, wanted)] as const),
  );
  return Object.fromEntries(entries);
}

/** An environment is made of strings, so this is the one place where a data key becomes one: nobody can wipe it. */
async function unwrapLine(io: Io, client: Client, file: string, { format, ...wanted }: Wanted): Promise<string> {
  const { bytes: envelope } = await readEnvelope(io, file);
  const { plaintext } = await client.unwrap({ envelope, ...wanted });
  try {
    const text = line(plaintext, format, "never");
    const value = text.toString("utf8");
    wipe(text);
    return value;
  } finally {
    wipe(plaintext);
  }
}

/** Our own variables that a program may need to call keybroker itself; none of them is a secret. */
const ownVariables = ["ADDRESS", "CA", "CERT", "KEY", "STATE_DIR", "TIMEOUT", "WAIT"].map(
  (name) => `KEYBROKER_${name}`,
);

/** The environment without our other variables: KEYBROKER_MASTER_KEY is one of them. */
function passedOn(env: Io["env"]): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith("KEYBROKER_") || ownVariables.includes(name));
  return Object.fromEntries(kept);
}
