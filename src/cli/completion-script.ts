// Completion scripts, made of the commands and flags that commander knows.

import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** A command by its words after the program's name, with what may follow. */
interface Place {
  readonly words: string;
  readonly next: readonly { readonly name: string; readonly summary: string }[];
  readonly flags: readonly { readonly name: string; readonly summary: string; readonly takesValue: boolean }[];
}

/** The script for a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, "");
  if (shell === "fish") return fish(places);
  return shell === "zsh"
    ? `#compdef keybroker\nautoload -U +X bashcompinit && bashcompinit\n${bash(places)}`
    : bash(places);
}

function placesOf(command: Command, words: string): Place[] {
  const next = command.commands.map((child) => ({ name: child.name(), summary: child.description() }));
  const flags = command.options.map(({ long, description, required }) => ({
    name: long ?? "",
    summary: description,
    takesValue: required,
  }));
  const inner = command.commands.flatMap((child) =>
    placesOf(child, words === "" ? child.name() : `${words} ${child.name()}`),
  );
  return [{ words, next, flags: [...flags, { name: "--help", summary: "show help", takesValue: false }] }, ...inner];
}

/** What stands before the cursor chooses the words offered; where none fit, files are. */
function bash(places: readonly Place[]): string {
  const cases = places.map(({ words, next, flags }) => {
    const offered = [...next.map(({ name }) => name), ...flags.map(({ name }) => name)].join(" ");
    return `    "${words}") words="${offered}" ;;`;
  });
  const names = places.flatMap(({ next }) => next.map(({ name }) => name));
  return `_keybroker() {
  local place="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${[...new Set(names)].join("|")}) place="\${place:+$place }$word" ;; esac
  done
  case "$place" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -o bashdefault -F _keybroker keybroker
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ words, next, flags }) => {
    const seen =
      words === ""
        ? "__fish_use_subcommand"
        : words
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    const commands = next.map(
      ({ name, summary }) => `complete -c keybroker -n '${seen}' -f -a ${name} -d ${quoted(summary)}`,
    );
    const options = flags.map(
      ({ name, summary, takesValue }) =>
        `complete -c keybroker -n '${seen}' -l ${name.slice(2)}${takesValue ? " -r" : ""} -d ${quoted(summary)}`,
    );
    return [...commands, ...options];
  });
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
