// The vault provider, held to the cases that every provider is held to, over a real OpenBao server.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import vault from "../../providers/vault/index.ts";
import { conformanceCases } from "../../src/provider/conformance.ts";
import type { ConformanceHarness } from "../../src/provider/conformance.ts";
import { provideVariable } from "../../src/provider/index.ts";
import { available } from "../backends/available.ts";
import { openbao, startOpenBao } from "../backends/openbao.ts";
import type { OpenBao } from "../backends/openbao.ts";

const program = available(openbao);

/** What a broker may do, and no more: the README's policy. */
const policyOf = (keys: readonly string[]) =>
  keys
    .map(
      (key) => `path "transit/encrypt/${key}" { capabilities = ["update"] }
path "transit/decrypt/${key}" { capabilities = ["update"] }
path "transit/keys/${key}" { capabilities = ["read"] }`,
    )
    .join("\n");

describe.skipIf(program === undefined)("over OpenBao", () => {
  let bao: OpenBao;
  let variables = 0;
  beforeAll(async () => void (bao = await startOpenBao(program!)));
  afterAll(() => bao?.stop());

  async function harnessOf(type: string): Promise<ConformanceHarness> {
    const name = `CONFORMANCE_VAULT_${++variables}`;
    const [key, other] = [`one-${variables}`, `two-${variables}`];
    for (const each of [key, other]) await bao.must("POST", `transit/keys/${each}`, { type });
    const allow = () => bao.must("POST", `sys/policies/acl/${name}`, { policy: policyOf([key, other]) });
    await allow();
    const { auth } = await bao.must("POST", "auth/token/create", { policies: [name], ttl: "1h" });
    const token = String(auth["client_token"]);
    provideVariable(name, Buffer.from(token));
    return {
      kind: vault,
      settings: () => ({ address: bao.address, auth: { token: `\${${name}}` } }),
      reference: () => ({ key }),
      otherReference: () => ({ key: other }),
      secrets: () => [token, bao.rootToken],
      rotate: async () => void (await bao.must("POST", `transit/keys/${key}/rotate`)),
      async disable() {
        await bao.must("POST", `sys/policies/acl/${name}`, { policy: policyOf([other]) });
        return async () => void (await allow());
      },
    };
  }

  for (const type of ["aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"]) {
    describe(type, () => {
      test.each(conformanceCases)("$name", async ({ run }) => {
        expect(await run(await harnessOf(type))).toBe("passed");
      });
    });
  }
});
