// keybroker policy: what the rules of a configuration say to one call, and what is wrong with them as a whole.

import type { Command } from "commander";
import type { LoadedConfiguration } from "../../config/index.ts";
import { CliError } from "../failure.ts";
import { contextFlag, define, Flag, jsonFlag, keyFlag, onRun, stateDirFlag, type Outcome } from "../flags.ts";
import { write, type Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { questionOf, type ExplainSettings } from "../policy-question.ts";
import { explanationObject, explanationText, reviewObject, reviewText } from "../policy-report.ts";
import { configFlag } from "./config.ts";
import { sourceOf } from "./doctor.ts";

interface Settings {
  readonly config?: string;
  readonly stateDir: string;
  readonly json?: boolean;
}

/** The exit status of a call that the policy denies, as of one that the daemon denies. */
const deniedExit = 3;

export function build(io: Io, outcome: Outcome): Command {
  return define("policy", "The rules of a configuration", [], [])
    .addCommand(explainCommand(io, outcome))
    .addCommand(checkCommand(io, outcome));
}

function explainCommand(io: Io, outcome: Outcome): Command {
  const flags = [
    new Flag("--identity <name>", "who calls"),
    new Flag("--operation <name>", "what it wants: wrap, unwrap, generate, rewrap, check, inspect or admin.…"),
    keyFlag("the key's name"),
    contextFlag(),
    new Flag("--attribute <name=value>", "what a token says of the identity; repeat for more")
      .repeatable()
      .default([], "none"),
    new Flag("--at <time>", "when, such as 2026-11-21T08:00:00Z (default: now)"),
    configFlag(),
    stateDirFlag(),
    jsonFlag(),
  ];
  const summary = "Say whether a call would be allowed, by which rule, and what keeps the others from allowing it";
  const command = define("explain", summary, flags, [
    "keybroker policy explain --identity restore --operation unwrap --key backups/db --context host=db1 --config config.yaml",
    "keybroker policy explain --identity ledger --operation wrap --key payments/ledger --at 2026-11-21T23:30:00+01:00",
  ]);
  return onRun<Settings & ExplainSettings>(command, io, outcome, async (settings) => {
    const { configuration, locate } = await loaded(io, settings);
    const { explain } = await import("../../policy/index.ts");
    const asked = questionOf(configuration, settings);
    const explained = asked.identities.map((identity) => ({
      identity: identity.name,
      ...explain(configuration, { ...asked, identity, key: asked.key }),
    }));
    const isAllowed = asked.keyExists && explained.every(({ decision }) => decision.allowed);
    const found = { configuration, locate, asked, explained, isAllowed };
    await (settings.json ? emitJson(io, explanationObject(found)) : emit(io, explanationText(found)));
    return isAllowed ? 0 : deniedExit;
  });
}

function checkCommand(io: Io, outcome: Outcome): Command {
  const summary =
    "Find rules that never match, identities without a rule, keys nobody may unwrap; list who can unwrap what";
  const command = define(
    "check",
    summary,
    [configFlag(), stateDirFlag(), jsonFlag()],
    ["keybroker policy check /etc/keybroker/config.yaml", "keybroker policy check --json config.yaml"],
  ).argument("[file]", "the configuration, in place of --config");
  return onRun<Settings>(command, io, outcome, async (settings, [operand]) => {
    const { configuration, locate } = await loaded(io, { ...settings, config: operand ?? settings.config });
    const { reviewPolicy } = await import("../../policy/index.ts");
    const found = { configuration, locate, review: reviewPolicy(configuration) };
    await (settings.json ? emitJson(io, reviewObject(found)) : emit(io, reviewText(found)));
    return found.review.findings.length === 0 ? 0 : 1;
  });
}

/** The configuration, without a look at certificates and secrets: rules are often looked at where those are not. */
async function loaded(io: Io, settings: Pick<Settings, "config" | "stateDir">): Promise<LoadedConfiguration> {
  const source = await sourceOf(io, settings);
  const { ConfigurationError, configurationFrom, loadConfiguration, report } = await import("../../config/index.ts");
  const options = { files: "skip", providers: "skip" } as const;
  try {
    return await ("file" in source ? loadConfiguration(source.file, options) : configurationFrom(source.text, options));
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    await write(io.stderr, `${report(error.problems, { limit: Infinity })}\n`);
    throw new CliError(2, "the configuration has problems: its policy is not in force", error);
  }
}
