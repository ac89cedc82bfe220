// Configurations, conditions of rules, and sets of an issuer's keys: what the security team writes or points to.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ConfigurationError,
  conditionText,
  configurationFrom,
  parseCondition,
  parseKeySet,
  PemError,
} from "../../../src/config/index.ts";
import { bytesOf, must, outcomeOf, textOf, type Decoder } from "../decoder.ts";
import { keySetText } from "./token.ts";

const small = `version: 1
realm: prod
providers:
  local: { kind: env, variable: KEYBROKER_FUZZ_KEY }
keys:
  a/b: { wrapTo: [{ provider: local, key: K }] }
listeners:
  sock: { unix: /run/kb/a.sock, identity: backup }
policy:
  - { who: backup, may: [wrap, unwrap], keys: "a/*", quota: [5/s, 100 distinct/h], when: 'context.env == "prod"' }
`;

export const configuration: Decoder = {
  name: "configuration",
  seeds: [small, readFileSync(join(import.meta.dirname, "../../../config.example.yaml"), "utf8")].map(bytesOf),
  words: [
    "\n",
    "\n  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "!!js ",
    "? ",
    "|\n",
    ">\n",
    "---\n",
    "#",
    "'",
    '"',
    "yes",
    "on",
    "0o7",
    "1e3",
    ".inf",
    "__proto__",
    "${HOME}",
    "file:/x",
    "\t",
    "\ufeff",
    "version: 2",
  ],
  async check(input) {
    const text = textOf(input);
    try {
      const { configuration: one } = await configurationFrom(text, { files: "skip" });
      const { configuration: two } = await configurationFrom(text, { files: "skip" });
      must(one.digest === two.digest, "a text is one configuration");
      must(
        one.policy.every(({ who, may }) => who.length > 0 && may.length > 0),
        "a rule lets somebody do something",
      );
      return "read";
    } catch (error) {
      must(error instanceof ConfigurationError, `a list of problems, not ${String(error)}`);
      must(error.problems.length > 0, "there is a problem");
      must(
        error.problems.every(({ line, column }) => line >= 0 && column >= 0),
        "a problem has a place",
      );
      return outcomeOf({ name: "", message: error.problems[0]!.message });
    }
  },
};

export const condition: Decoder = {
  name: "condition",
  seeds: ['context.env == "prod"', "context.tenant == identity.tenant", 'context.a/b in ["one", "t\\u00fco"]'].map(
    bytesOf,
  ),
  words: ["context.", "identity.", " == ", " in ", "[", "]", ",", '"a"', '"\\ud800"', "\\", " ", "==", "name", "'"],
  check(input) {
    const read = parseCondition(textOf(input));
    if (read.condition === undefined) return outcomeOf({ name: "", message: read.fault });
    const again = parseCondition(conditionText(read.condition));
    must(JSON.stringify(again.condition) === JSON.stringify(read.condition), "its text is read as the same condition");
    return "attribute" in read.condition.is ? "attribute" : `one of ${Math.min(3, read.condition.is.oneOf.length)}`;
  },
};

export const keySet: Decoder = {
  name: "key-set",
  seeds: [bytesOf(keySetText)],
  words: ['"kty"', '"oct"', '"d":"x"', '"use":"enc"', "[]", "{}", "null", '"keys":', "1"],
  check(input) {
    try {
      const { keys } = parseKeySet(textOf(input), "it");
      must(keys.length > 0 && keys.every((key) => !("d" in key) && !("k" in key)), "keys are public");
      return `read: ${keys.length}`;
    } catch (error) {
      must(error instanceof PemError, `a refusal, not ${String(error)}`);
      return outcomeOf(error);
    }
  },
};
