// Writes the reference in docs/cli.md from the commands that commander knows. `--check` fails when it is not current.

import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import type { Argument, Command, Option } from "commander";
import { Flag } from "../src/cli/flags.ts";
import { buildProgram } from "../src/cli/program.ts";

const target = new URL("../docs/cli.md", import.meta.url);
const [start, end] = ["<!-- reference: begin -->", "<!-- reference: end -->"];

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function usageOf(command: Command): string {
  const operands = command.registeredArguments.map((argument: Argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? ` <${name}>` : ` [${name}]`;
  });
  return `${nameOf(command)}${operands.join("")}`;
}

function defaultOf({ defaultValue, defaultValueDescription }: Option): string {
  if (defaultValueDescription === "none") return "";
  return (
    defaultValueDescription ??
    (typeof defaultValue === "string" || typeof defaultValue === "number" ? String(defaultValue) : "")
  );
}

function flagRow(option: Option): string {
  const choices = option.argChoices ? ` (${option.argChoices.map((choice) => `\`${choice}\``).join(", ")})` : "";
  const variable = option instanceof Flag ? `\`${option.variable}\`` : "";
  const fallback = defaultOf(option);
  return `| \`${option.flags}\` | ${variable} | ${fallback && `\`${fallback}\``} | ${cell(option.description)}${choices} |`;
}

function section(command: Command): string {
  const operands = command.registeredArguments.map(
    (argument: Argument) => `- \`${argument.name()}\`: ${argument.description}`,
  );
  const rows = command.options.map(flagRow);
  const table = rows.length === 0 ? [] : ["| flag | variable | default | meaning |", "|---|---|---|---|", ...rows];
  return [`### ${usageOf(command)}`, "", `${command.description()}.`, "", ...operands, "", ...table, ""].join("\n");
}

/** Commands that do something themselves: `keys` and `config` only hold others. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

const program = await buildProgram(process, { status: 0 });
const page = readFileSync(target, "utf8");
const [head, rest] = page.split(start);
const tail = rest?.split(end)[1];
if (head === undefined || tail === undefined) throw new Error("docs/cli.md has no reference markers");
const reference = leaves(program).map(section).join("\n");
const current = await format(`${head}${start}\n\n${reference}\n${end}${tail}`, { parser: "markdown", printWidth: 120 });

if (!process.argv.includes("--check")) writeFileSync(target, current);
else if (current !== page) {
  console.error("docs/cli.md is not current: run node scripts/cli-doc.ts");
  process.exitCode = 1;
}
