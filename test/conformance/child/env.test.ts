// The env provider in a child process: what crosses the pipe holds to every case, too.

import { expect, test } from "vitest";
import { generateMasterKey } from "../../../providers/env/generate.ts";
import env from "../../../providers/env/index.ts";
import { openInChild, ownModule } from "../../../src/provider/child/index.ts";
import { conformanceCases } from "../../../src/provider/conformance.ts";
import type { ConformanceHarness } from "../../../src/provider/conformance.ts";
import { provideVariable } from "../../../src/provider/index.ts";
import type { ProviderKind } from "../../../src/provider/index.ts";

const module = ownModule("providers/env/index");
const inChild: ProviderKind = {
  ...env,
  open: (settings) => openInChild({ kind: "env", module, settings, killAfterMs: 2_000 }),
};

/** Two versions, of which a rotation makes the other one primary. */
function harnessOf(): ConformanceHarness {
  const texts = ["1", "2"].map((version) => {
    const text = generateMasterKey();
    provideVariable(`CHILD_${version}`, text);
    return text.toString();
  });
  let primary = "1";
  return {
    kind: inChild,
    settings: () => ({ keys: { "1": "${CHILD_1}", "2": "${CHILD_2}" }, primary }),
    reference: () => ({}),
    otherReference: () => ({ key: "2" }),
    secrets: () => texts.flatMap((text) => [text, Buffer.from(text, "base64").toString("hex")]),
    rotate: () => Promise.resolve(void (primary = "2")),
  };
}

/** The env provider's own limit: its keys cannot be disabled and stay configured. */
const cannot = ["a disabled master key is told as such"];

test.each(conformanceCases)("$name", async ({ name, run }) => {
  expect(await run(harnessOf())).toBe(cannot.includes(name) ? "skipped" : "passed");
});
