// docs/cli.md says what the commands are, all of them, and nothing that is not so.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Flag } from "../../src/cli/flags.ts";
import { buildProgram, everyCommand } from "../../src/cli/program.ts";
import { reasons } from "../../src/errors/index.ts";

const page = readFileSync("docs/cli.md", "utf8");
const commands = everyCommand(await buildProgram(process, { status: 0 }));
const flags = commands.flatMap(({ options }) => options).filter((option) => option instanceof Flag);

test("the reference is what commander knows", () => {
  expect(() => execFileSync(process.execPath, ["scripts/cli-doc.ts", "--check"], { stdio: "pipe" })).not.toThrow();
});

test("every command stands in it, with every flag and variable", () => {
  for (const command of commands.filter(({ commands: inner }) => inner.length === 0)) {
    const name = [command.parent?.parent && command.parent.name(), command.name()].filter(Boolean).join(" ");
    expect(page).toContain(`### keybroker ${name}`);
  }
  for (const { long, variable } of flags) expect(page).toMatch(new RegExp(`\`${long}( <[^>]+>)?\`.*\`${variable}\``));
});

test("every variable that the page names is a flag's", () => {
  const variables = new Set(flags.map(({ variable }) => variable));
  for (const [name] of page.matchAll(/KEYBROKER_[A-Z_]+/g)) expect(variables).toContain(name);
});

test("one variable means one flag", () => {
  const names = new Map<string, string>();
  for (const { long, variable } of flags) {
    expect(names.get(variable) ?? long).toBe(long);
    names.set(variable, long!);
  }
});

test("every exit status of the table of reasons is explained", () => {
  for (const { exit } of Object.values(reasons)) expect(page).toMatch(new RegExp(`^\\| ${exit} +\\|`, "m"));
});

test("every command has help with an example, and the examples use flags that exist", () => {
  const known = new Set([...commands.flatMap(({ options }) => options.map(({ long }) => long)), "--help"]);
  for (const command of commands.filter(({ commands: inner }) => inner.length === 0)) {
    let text = "";
    command.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp();
    const examples = text.split("Examples:")[1];
    expect(examples, command.name()).toBeDefined();
    for (const line of examples!.split("\n").filter((one) => one.includes("keybroker")))
      for (const [flag] of line
        .replace(/.*keybroker /, "")
        .replace(/ (\||--) .*/, "")
        .matchAll(/(?<= )--[a-z-]+/g))
        expect(known, line).toContain(flag);
  }
});
