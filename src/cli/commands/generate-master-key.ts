// keybroker generate-master-key: a new master key for the env provider, in a file.

import type { Command } from "commander";
import { generateMasterKey } from "../../../providers/env/generate.ts";
import { wipe } from "../../secret/index.ts";
import { define, Flag, jsonFlag, onRun, required, type Outcome } from "../flags.ts";
import { write, type Io } from "../io.ts";
import { emitJson } from "../output.ts";
import { writeWhole } from "../output-file.ts";

interface Settings {
  readonly toFile?: string;
  readonly json?: boolean;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    new Flag("--to-file <file>", "where to write it, mode 0600; never over a file that is there"),
    jsonFlag(),
  ];
  const command = define("generate-master-key", "Make a master key for the env provider", flags, [
    "keybroker generate-master-key --to-file /etc/keybroker/master-key",
  ]);
  return onRun<Settings>(command, io, outcome, async (settings) => {
    const file = required(settings.toFile, "--to-file", "KEYBROKER_TO_FILE");
    const key = generateMasterKey();
    try {
      // Never over a file: what was wrapped by the key in it would be lost.
      writeWhole(file, key, { mode: 0o600, overwrite: false });
    } finally {
      wipe(key);
    }
    if (settings.json) await emitJson(io, { file });
    else await write(io.stderr, `${file} holds a new master key: keep a copy where the envelopes are not\n`);
  });
}
