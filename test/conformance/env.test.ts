// The env provider, held to the cases that every provider is held to.

import { expect, test } from "vitest";
import { generateMasterKey } from "../../providers/env/generate.ts";
import env from "../../providers/env/index.ts";
import { conformanceCases } from "../../src/provider/conformance.ts";
import type { ConformanceHarness } from "../../src/provider/conformance.ts";
import { provideVariable } from "../../src/provider/index.ts";

/** Two versions, of which a rotation makes the other one primary. */
function harnessOf(): ConformanceHarness {
  const texts = ["1", "2"].map((version) => {
    const text = generateMasterKey();
    provideVariable(`CONFORMANCE_${version}`, text);
    return text.toString();
  });
  let primary = "1";
  return {
    kind: env,
    settings: () => ({ keys: { "1": "${CONFORMANCE_1}", "2": "${CONFORMANCE_2}" }, primary }),
    reference: () => ({}),
    otherReference: () => ({ key: "2" }),
    secrets: () => texts.flatMap((text) => [text, Buffer.from(text, "base64").toString("hex")]),
    rotate: () => Promise.resolve(void (primary = "2")),
  };
}

/** The backend is this process: nothing can disable a key and leave it configured. */
const cannot = ["a disabled master key is told as such"];

test.each(conformanceCases)("$name", async ({ name, run }) => {
  expect(await run(harnessOf())).toBe(cannot.includes(name) ? "skipped" : "passed");
});
