import { describe, expect, it } from "vitest";
import { configurationDifference } from "../../../src/config/index.ts";
import { load, textOf } from "./texts.ts";

const difference = async (before: string, after: string) =>
  configurationDifference(await load(before), await load(after));

describe("the difference of two configurations", () => {
  it("is none when they say the same in other words", async () => {
    const after = `# words\n${textOf({ policy: '\n  - who: [backup]\n    may: [wrap, unwrap]\n    keys: ["backups/db"]', extra: "acceptRealms: []\n" })}`;
    expect(await difference(textOf(), after)).toEqual({ changed: [], rulesAdded: [], rulesRemoved: [] });
  });

  it("names what changed, came and went", async () => {
    const after = textOf({
      realm: "dr",
      providers: `{ local: { kind: env, keys: { "2": "\${CONFIG_TEST_KEY}" } } }`,
      keys: "{ backups/db: { wrapTo: [{ provider: local }], unwrapCache: none }, extra: { wrapTo: [{ provider: local }] } }",
      listeners: "{ sock2: { unix: /run/keybroker/backup.sock, identity: backup } }",
      extra: "limits: { callTimeout: 9s }\n",
    });
    expect((await difference(textOf(), after)).changed).toEqual([
      "keys.backups/db",
      "keys.extra",
      "limits",
      "listeners.sock",
      "listeners.sock2",
      "providers.local",
      "realm",
    ]);
  });

  it("tells rules as text, each as often as it came or went", async () => {
    const before = textOf({
      policy: '[{ who: backup, may: wrap, keys: "*" }, { who: backup, may: unwrap, keys: backups/db }]',
    });
    const after = textOf({
      policy:
        '[{ who: backup, may: [wrap, unwrap], keys: ["backups/*", backups/db] }, { who: backup, may: wrap, keys: "*" }, { who: backup, may: wrap, keys: "*" }]',
    });
    expect(await difference(before, after)).toMatchObject({
      rulesAdded: ["backup may wrap, unwrap: backups/*, backups/db", "backup may wrap: *"],
      rulesRemoved: ["backup may unwrap: backups/db"],
    });
  });
});
