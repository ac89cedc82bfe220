import { expect, test } from "vitest";
import { plainCommand } from "../../../src/daemon/index.ts";

const variables = { KEYBROKER_CONFIG: "/etc/by-variable.yaml", KEYBROKER_STATE_DIR: "/var/lib/kb" };

test("serve alone takes what its variables say, or the defaults", () => {
  expect(plainCommand(["serve"], {})).toEqual({ configFile: undefined, stateDir: "./.keybroker" });
  expect(plainCommand(["serve"], variables)).toEqual({ configFile: "/etc/by-variable.yaml", stateDir: "/var/lib/kb" });
});

test("an empty variable is none", () => {
  const empty = { KEYBROKER_CONFIG: "", KEYBROKER_STATE_DIR: "" };
  expect(plainCommand(["serve"], empty)).toEqual({ configFile: undefined, stateDir: "./.keybroker" });
});

test("--config wins over its variable", () => {
  const options = plainCommand(["serve", "--config", "given.yaml"], variables);
  expect(options).toEqual({ configFile: "given.yaml", stateDir: "/var/lib/kb" });
});

test.each([
  [["serve", "--config"]],
  [["serve", "--config=given.yaml"]],
  [["serve", "--config", "a.yaml", "b.yaml"]],
  [["serve", "--state-dir", "/var/lib/kb"]],
  [["serve", "-h"]],
  [["serve", "--"]],
  [["serve", "extra"]],
  [["check"]],
  [[]],
])("%j is left to the full command line", (args) => {
  expect(plainCommand(args, variables)).toBeUndefined();
});
