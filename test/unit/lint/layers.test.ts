// The layers hold: lint refuses an import that crosses them and allows those of the table.

import { ESLint } from "eslint";
import tseslint from "typescript-eslint";
import { expect, test } from "vitest";

const rules = new Set(["boundaries/dependencies", "no-restricted-imports"]);
const eslint = new ESLint({ overrideConfig: [tseslint.configs.disableTypeChecked] });

async function violations(filePath: string, source: string): Promise<string[]> {
  const [result] = await eslint.lintText(source, { filePath });
  return result!.messages.map((message) => message.ruleId ?? message.message).filter((rule) => rules.has(rule));
}

const imported = (path: string): string => `import * as part from "${path}";\nexport const parts = [part];\n`;

test.each([
  ["a provider reaches for the broker", "providers/env/index.ts", "../../src/broker/broker.ts"],
  ["a provider reaches for the configuration", "providers/env/index.ts", "../../src/config/configuration.ts"],
  ["a provider reaches past the interface's door", "providers/env/index.ts", "../../src/provider/registry.ts"],
  ["the broker reaches up to the operations", "src/broker/keyring.ts", "../operations/graph.ts"],
  ["the broker reaches for a provider folder", "src/broker/keyring.ts", "../../providers/env/index.ts"],
  ["the server reaches for the broker", "src/server/listeners.ts", "../broker/broker.ts"],
  ["a front door enters through a window", "src/server/listeners.ts", "../errors/broker-error.ts"],
  ["the policy reads the audit", "src/policy/policy.ts", "../audit/audit.ts"],
  ["the client brings the configuration", "src/client/index.ts", "../config/configuration.ts"],
  ["the client brings a package of the daemon", "src/client/session.ts", "zod"],
  ["types count too", "src/envelope/decode.ts", "../config/configuration.ts"],
])("%s: refused", async (_, file, path) => {
  expect(await violations(file, imported(path))).toHaveLength(1);
});

test.each([
  ["providers/env/index.ts", "../../src/provider/provider.ts"],
  ["providers/env/index.ts", "../../src/errors/index.ts"],
  ["src/broker/keyring.ts", "../provider/provider.ts"],
  ["src/broker/keyring.ts", "./broker.ts"],
  ["src/operations/perform.ts", "../broker/broker.ts"],
  ["src/client/index.ts", "@grpc/grpc-js"],
  ["src/client/index.ts", "../proto/keybroker/v1/call_pb.ts"],
  ["src/config/load.ts", "zod"],
])("%s may import %s", async (file, path) => {
  expect(await violations(file, imported(path))).toEqual([]);
});
