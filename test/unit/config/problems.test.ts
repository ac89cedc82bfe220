import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import { ConfigurationError, configurationFrom, report } from "../../../src/config/index.ts";
import { errorOf, load, problemsOf, textOf } from "./texts.ts";

describe("all that is wrong", () => {
  it("is said at once, in the file's order, each with its place, what was expected and the nearest name", async () => {
    const text = `version: 2
realmm: x
realm: Prod
providers:
  local: { kind: envv, keys: { "1": "\${CONFIG_TEST_KEY}" } }
  other: { kind: env, keyss: { "1": "\${CONFIG_TEST_KEY}" } }
keys:
  backups/../db: { wrapTo: [] }
  ledger:
    wrapTo: [{ provider: lokal }, { provider: other, keyy: "1" }]
    wrapNeeds: 9
    unwrapCache: { maxAg: 1h }
    branchKey: { maxAge: 1hour }
    context: { required: "true" }
listeners:
  sock: { unix: /run/a.sock }
policy:
  - { who: backupp, may: [wrapp], keys: ledgr }
  - nonsense
`;
    expect(await problemsOf(text)).toEqual([
      "1:10: version: this number does not fit; expected 1, the only version there is",
      '2:1: realmm: unknown field; did you mean "realm"?',
      '3:8: realm: this text does not fit; expected a realm: a-z, 0-9 and "-", at most 63',
      expect.stringMatching(/^5:18: providers\.local\.kind: there is no provider kind "envv".*; did you mean "env"\?$/),
      "6:3: providers.other.keys: missing; expected a map",
      '6:23: providers.other.keyss: unknown field; did you mean "keys"?',
      expect.stringMatching(/^8:3: keys\.backups\/\.\.\/db: this text does not fit; expected a key name: /),
      expect.stringMatching(/^8:28: keys\.backups\/\.\.\/db\.wrapTo: an empty list; expected a list of recipients/),
      '10:26: keys.ledger.wrapTo[0].provider: there is no provider "lokal"; did you mean "local"?',
      "11:16: keys.ledger.wrapNeeds: this number does not fit; expected a whole number from 1 to 8",
      '12:20: keys.ledger.unwrapCache.maxAg: unknown field; did you mean "maxAge"?',
      expect.stringMatching(
        /^13:26: keys\.ledger\.branchKey\.maxAge: this text does not fit; expected a duration such as 30s/,
      ),
      "14:26: keys.ledger.context.required: this text does not fit; expected true or false",
      expect.stringMatching(/^16:3: listeners\.sock\.identity: missing; expected a name/),
      expect.stringMatching(/^18:12: policy\[0\]\.who: there is no identity "backupp"$/),
      expect.stringMatching(
        /^18:27: policy\[0\]\.may\[0\]: this text does not fit; expected one of wrap, .*; did you mean "wrap"\?$/,
      ),
      '18:41: policy[0].keys: no key is "ledgr": this could never allow anything; did you mean "ledger"?',
      "19:5: policy[1]: this text does not fit; expected a map with who, may and keys",
    ]);
  });

  it("can be taken as data", async () => {
    const { problems } = await errorOf(textOf({ extra: "polcy: []\n" }), { file: "kb.yaml" });
    expect(problems).toEqual([
      { file: "kb.yaml", line: 11, column: 1, path: "polcy", message: "unknown field", nearest: "policy" },
    ]);
    expect(JSON.parse(JSON.stringify(problems))).toEqual(problems);
  });

  it("names the required parts that are missing", async () => {
    const paths = (await errorOf("log: {}\n")).problems.map(({ path, message }) => `${path} ${message}`);
    expect(paths.sort()).toEqual(
      ["keys", "listeners", "policy", "providers", "realm", "version"].map((part) => `${part} missing`),
    );
  });

  it("includes parts that stand there empty", async () => {
    expect(await problemsOf(textOf({ policy: "", keys: "{}", providers: "{}", listeners: "{}" }))).toEqual([
      "3:12: providers: at least one must be here",
      "4:7: keys: at least one must be here",
      "5:12: listeners: at least one must be here",
      "6:9: policy: nothing stands here; expected a list of rules",
    ]);
  });
});

describe("fields", () => {
  it.each([
    ["writeFormat", textOf({ extra: "writeFormat: kb1\n" })],
    ["store.postgres", textOf({ extra: "store: { sqlite: /x, postgres: /y }\n" })],
    ["audit.sealed", textOf({ extra: "audit: { sealed: true }\n" })],
  ])("of other versions are unknown: %s", async (path, text) => {
    expect((await errorOf(text)).problems).toMatchObject([{ path, message: "unknown field" }]);
  });

  it("say when a quorum is asked for that the recipients cannot give", async () => {
    const keys = "{ backups/db: { wrapTo: [{ provider: local }], unwrapNeeds: 2 } }";
    expect(await problemsOf(textOf({ keys }))).toEqual([
      "5:67: keys.backups/db.unwrapNeeds: 2 recipients would have to open an envelope, and wrapTo lists 1",
    ]);
  });

  it.each(["0", "-1s", "10", "1.5h", "1 h", "1H", "1w", "31d", "0s", "9999999999s", "", "10m ", "٣s"])(
    "of durations refuse %j",
    async (value) => {
      const keys = `{ backups/db: { wrapTo: [{ provider: local }], branchKey: { maxAge: ${JSON.stringify(value)} } } }`;
      expect((await errorOf(textOf({ keys }))).problems).toMatchObject([
        { path: "keys.backups/db.branchKey.maxAge", expected: expect.stringContaining("from 1s to 30d") as unknown },
      ]);
    },
  );

  it.each(["4 MiB", "4MB", "5MiB", "100B", "0KiB", "4194304"])("of sizes refuse %j", async (value) => {
    const text = textOf({ extra: `limits: { maxMessage: ${JSON.stringify(value)} }\n` });
    expect((await errorOf(text)).problems).toMatchObject([{ path: "limits.maxMessage" }]);
  });

  it.each(["", "..", "a//b", "/a", "a/", "a/../b", "A", "a b", "a\u0000", "ä", "a".repeat(129), "."])(
    "of key names refuse %j",
    async (name) => {
      const keys = `{ ${JSON.stringify(name)}: { wrapTo: [{ provider: local }] } }`;
      const policy = '[{ who: backup, may: wrap, keys: "*" }]';
      expect((await errorOf(textOf({ keys, policy }))).problems).toMatchObject([
        { expected: expect.stringMatching(/^a key name/) as unknown },
      ]);
    },
  );

  it("of modes must be quoted", async () => {
    const listeners = (mode: string) => `{ sock: { unix: /run/a.sock, identity: backup, mode: ${mode} } }`;
    expect(await problemsOf(textOf({ listeners: listeners("0660") }))).toEqual([
      "7:65: listeners.sock.mode: YAML readers differ on what 0660 is: write it in quotes",
    ]);
    for (const mode of ["432", '"660"', '"rw-rw----"', '"07777"', '"0888"']) {
      expect((await errorOf(textOf({ listeners: listeners(mode) }))).problems).toMatchObject([
        { path: "listeners.sock.mode", expected: 'a file mode in quotes, such as "0600" or "0660"' },
      ]);
    }
  });

  it.each(["7443", "localhost", ":7443", "localhost:70000", "::1:7443", "[::1]", "http://a:1", "a:b", "[zz]:1"])(
    "of addresses refuse %j",
    async (value) => {
      const text = textOf({ extra: `metrics: { listen: ${JSON.stringify(value)} }\n` });
      expect((await errorOf(text)).problems).toMatchObject([{ path: "metrics.listen" }]);
    },
  );
});

describe("provider kinds", () => {
  const providers = "{ local: { kind: other, module: other-kind } }";

  it("that cannot be loaded are named at the module", async () => {
    const loadKind = () => Promise.reject(new BrokerError("REQUEST_INVALID", "the npm module is not there"));
    expect(await problemsOf(textOf({ providers }), { loadKind })).toEqual([
      expect.stringMatching(/^3:44: providers\.local\.module: the npm module is not there$/),
    ]);
  });

  it("of ours know themselves where they run", async () => {
    const own = "{ local: { kind: env, process: child, keys: {} } }";
    const problems = await problemsOf(textOf({ providers: own }));
    expect(problems).toEqual([expect.stringMatching(/providers\.local\.process: process stands beside module alone/)]);
  });

  it("that fail in another way are a fault of the program, not of the file", async () => {
    const loadKind = () => Promise.reject(new TypeError("broken"));
    await expect(load(textOf({ providers }), { loadKind })).rejects.toThrow(TypeError);
  });
});

describe("a report", () => {
  it("shows no control characters of the file", async () => {
    const message = (await errorOf(textOf({ extra: '"a\\e[31m\\u202eb": 1\n' }))).message;
    expect(message).toContain("a\\u{1b}[31m\\u{202e}b: unknown field");
  });

  it("has colours only when asked for them", async () => {
    const { problems } = await errorOf("version: 3\n");
    expect(report(problems)).not.toContain("\u001b");
    expect(report(problems, { colour: true })).toContain("\u001b[31m");
  });

  it("stops after a while", async () => {
    const extra = Array.from({ length: 200 }, (_, i) => `unknown${i}: 1\n`).join("");
    const lines = (await errorOf(textOf({ extra }))).message.split("\n");
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe("and 150 more");
  });
});

const yamlish = fc.string({
  unit: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "\n",
        "  ",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "#",
        "&a",
        "*a",
        "!",
        "|",
        ">",
        "?",
        "%",
        "\t",
        "${A}",
        "---",
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom("version", "keys", "policy", "who", "may", "1", "true", "null", "__proto__", "local"),
    },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 1, unit: "binary" }) },
  ),
  maxLength: 80,
});

describe("any text", () => {
  test.prop([yamlish])("is refused by the one error, with a line and a message", async (text) => {
    const outcome = await configurationFrom(text).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(ConfigurationError);
    for (const { line, column, message } of (outcome as ConfigurationError).problems) {
      expect(line).toBeGreaterThan(0);
      expect(column).toBeGreaterThan(0);
      expect(message).not.toBe("");
    }
  });

  test.prop([fc.nat(1_000), yamlish])("inside a sound one never breaks the reader", async (at, piece) => {
    const sound = textOf();
    const place = at % sound.length;
    const outcome = await configurationFrom(sound.slice(0, place) + piece + sound.slice(place)).catch(
      (error: unknown) => error,
    );
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ConfigurationError);
  });
});
