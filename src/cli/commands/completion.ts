// keybroker completion: a script that lets a shell complete commands and flags.

import type { Command } from "commander";
import { Argument } from "commander";
import { define, onRun, type Outcome } from "../flags.ts";
import type { Io } from "../io.ts";
import { emit } from "../output.ts";
import { completionScript, shells, type Shell } from "../completion-script.ts";

export function build(io: Io, outcome: Outcome): Command {
  const command = define(
    "completion",
    "Print a shell's completion script",
    [],
    [
      "source <(keybroker completion bash)",
      "keybroker completion zsh >~/.zfunc/_keybroker",
      "keybroker completion fish >~/.config/fish/completions/keybroker.fish",
    ],
  ).addArgument(new Argument("<shell>", "whose").choices([...shells]));
  return onRun<object>(command, io, outcome, async (_settings, [shell]) => {
    const { buildProgram } = await import("../program.ts");
    await emit(io, completionScript(await buildProgram(io, outcome), shell as Shell));
  });
}
