// Holds the toy to what every provider is held to, as the daemon runs it: in its own process and in a child.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { conformanceCases } from "keybroker/conformance";
import { loadKind, provideVariable } from "keybroker/provider";
import { createMasterKey } from "./keyring.mjs";

const folder = mkdtempSync(join(tmpdir(), "toy-"));
after(() => rmSync(folder, { recursive: true }));

const text = randomBytes(32).toString("base64");
provideVariable("TOY_CONFORMANCE", Buffer.from(text));

const module = new URL("index.mjs", import.meta.url).href;
const never = new AbortController().signal;
let cases = 0;

/**
 * @typedef {import("keybroker/provider").MasterKey} MasterKey
 *
 * @param {import("keybroker/provider").ProviderKind} kind
 * @returns {Promise<import("keybroker/conformance").ConformanceHarness>}
 */
async function harnessOf(kind) {
  const keyring = join(folder, `case-${++cases}`);
  const settings = { folder: keyring, secret: "${TOY_CONFORMANCE}" };
  for (const name of ["one", "other"]) await createMasterKey(keyring, name);

  /**
   * The backend changes by its own means: here, by another opened provider.
   *
   * @param {(key: MasterKey) => Promise<unknown> | undefined} change
   */
  async function atBackend(change) {
    const provider = await kind.open(/** @type {never} */ (kind.settings.parse(settings)));
    await change(await provider.masterKey({ key: "one" }, never));
    await provider.close();
  }

  return {
    kind,
    settings: () => settings,
    reference: () => ({ key: "one" }),
    otherReference: () => ({ key: "other" }),
    secrets: () => [text, Buffer.from(text, "base64").toString("hex")],
    rotate: () => atBackend((key) => key.rotate?.(never)),
    async disable() {
      await atBackend((key) => key.setVersionState?.("1", "disabled", never));
      return () => atBackend((key) => key.setVersionState?.("1", "primary", never));
    },
  };
}

for (const process of /** @type {const} */ (["daemon", "child"])) {
  describe(process, async () => {
    const kind = await loadKind({ kind: "toy", module, process });
    for (const { name, run } of conformanceCases) {
      test(name, async () => assert.equal(await run(await harnessOf(kind)), "passed"));
    }
  });
}
