// The pkcs11 provider, held to the cases that every provider is held to, over SoftHSM in its child process.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateKey } from "../../providers/pkcs11/generate.ts";
import type { SchemeName } from "../../providers/pkcs11/generate.ts";
import pkcs11 from "../../providers/pkcs11/index.ts";
import type { Pkcs11Settings } from "../../providers/pkcs11/settings.ts";
import { conformanceCases } from "../../src/provider/conformance.ts";
import type { ConformanceHarness } from "../../src/provider/conformance.ts";
import { available } from "../backends/available.ts";
import { forbid, makeSoftHsm, softhsm } from "../backends/softhsm.ts";
import type { SoftHsm, SoftToken } from "../backends/softhsm.ts";

const program = available(softhsm);

/** A key of an HSM has no versions: its successor is another key. */
const cannot = ["blobs open after a rotation, which says that a rewrap is due"];

describe.skipIf(program === undefined)("over SoftHSM", () => {
  let hsm: SoftHsm;
  let token: SoftToken;
  beforeAll(() => {
    hsm = makeSoftHsm();
    token = hsm.addToken("conformance");
    process.env["SOFTHSM2_CONF"] = hsm.environment.SOFTHSM2_CONF;
  });
  afterAll(() => hsm.remove());

  const settings = () => ({
    library: hsm.library,
    tokenLabel: token.label,
    pin: `file:${token.pinFile}`,
    environment: hsm.environment,
  });

  function harnessOf(scheme: SchemeName): ConformanceHarness {
    const more = scheme.startsWith("rsa-") ? { allowUnauthenticatedWrap: true } : {};
    return {
      kind: pkcs11,
      settings,
      reference: () => ({ label: `${scheme} one`, ...more }),
      otherReference: () => ({ label: `${scheme} two`, ...more }),
      secrets: () => [token.pin],
      disable() {
        const allow = forbid(hsm, token, `${scheme} one`);
        return Promise.resolve(() => Promise.resolve(allow()));
      },
    };
  }

  describe.each(["gcm", "key-wrap", "rsa-oaep-sha1"] as const)("%s", (scheme) => {
    beforeAll(async () => {
      const opened = pkcs11.settings.parse(settings()) as Pkcs11Settings;
      for (const name of ["one", "two"]) await generateKey(opened, { label: `${scheme} ${name}`, scheme });
    });
    test.each(conformanceCases)("$name", async ({ name, run }) => {
      expect(await run(harnessOf(scheme))).toBe(cannot.includes(name) ? "skipped" : "passed");
    });
  });
});
