import { describe, expect, it } from "vitest";
import { load, problemsOf, textOf, warningsOf } from "./texts.ts";

describe("a minimal configuration", () => {
  it("has these defaults in force, every one of them", async () => {
    const { digest, ...configuration } = await load(textOf());
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(configuration).toEqual({
      file: undefined,
      realm: "prod",
      acceptRealms: [],
      providers: new Map([
        [
          "local",
          {
            name: "local",
            kind: "env",
            module: undefined,
            settings: { keys: { "1": expect.anything() as unknown } },
            digest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
          },
        ],
      ]),
      keys: new Map([
        [
          "backups/db",
          {
            name: "backups/db",
            formerNames: [],
            wrapTo: [{ provider: "local", reference: {} }],
            unwrapOnly: [],
            wrapNeeds: 1,
            unwrapNeeds: 1,
            unwrapDelayMs: 2_000,
            context: { required: true, require: [] },
            branchKey: { maxAgeMs: 3_600_000, maxWraps: 1_048_576, graceMs: 21_600_000 },
            unwrapCache: { maxAgeMs: 600_000, maxEntries: 1_000 },
            verifyWrap: true,
            onStoreLoss: "allow",
          },
        ],
      ]),
      listeners: new Map([
        [
          "sock",
          {
            name: "sock",
            unix: "/run/keybroker/backup.sock",
            identity: "backup",
            attributes: {},
            mode: 0o600,
            uid: undefined,
            gid: undefined,
            admin: false,
            maxConnections: 256,
          },
        ],
      ]),
      identities: new Map(),
      groups: new Map(),
      approvers: new Map(),
      policy: [
        {
          who: ["backup"],
          may: ["wrap", "unwrap"],
          keys: ["backups/db"],
          when: [],
          during: undefined,
          quota: [],
          grant: undefined,
        },
      ],
      audit: {
        folder: `${process.cwd()}/audit`,
        contextValues: [],
        durability: "write",
        signingKey: undefined,
        checkpointEveryMs: 10_000,
        rotateBytes: 1_073_741_824,
        keepMs: Infinity,
        reserveBytes: 16_777_216,
        denialsPerSecond: 100,
        sinks: {},
      },
      store: undefined,
      metrics: undefined,
      log: { level: "info" },
      limits: {
        callTimeoutMs: 10_000,
        drainTimeoutMs: 10_000,
        idleTimeoutMs: 300_000,
        prefaceTimeoutMs: 5_000,
        maxStreamsPerConnection: 128,
        maxMessageBytes: 4_194_304,
        maxHeaderBytes: 8_192,
        maxProviderCalls: 64,
        providerTimeoutMs: 5_000,
        probeIntervalMs: 30_000,
        refusedLoads: { limit: 60, windowMs: 60_000 },
        providerCallsPerIdentity: undefined,
      },
    });
    expect(await warningsOf(textOf())).toEqual([]);
  });
});

describe("values", () => {
  it("become milliseconds, bytes, modes and addresses", async () => {
    const configuration = await load(
      textOf({
        keys: `
  backups/db:
    wrapTo: [{ provider: local, key: "1" }]
    branchKey: { maxAge: 2d, grace: 0s }
    unwrapCache: { maxAge: 1500ms }
    verifyWrap: none`,
        listeners: `
  sock: { unix: backup.sock, identity: backup, mode: "0660", uid: 0, gid: 2001 }`,
        extra: `metrics: { listen: "[::1]:9464" }\nlimits: { maxMessage: 64KiB, maxHeaders: 2048B, callTimeout: 1m }\n`,
      }),
      { file: "/etc/keybroker/keybroker.yaml" },
    );
    const key = configuration.keys.get("backups/db")!;
    expect(key.branchKey).toEqual({ maxAgeMs: 172_800_000, maxWraps: 1_048_576, graceMs: 0 });
    expect(key.unwrapCache).toEqual({ maxAgeMs: 1_500, maxEntries: 1_000 });
    expect([key.wrapTo[0]!.reference, key.verifyWrap]).toEqual([{ key: "1" }, false]);
    expect(configuration.listeners.get("sock")).toMatchObject({
      unix: "/etc/keybroker/backup.sock",
      mode: 0o660,
      uid: 0,
      gid: 2001,
    });
    expect(configuration.audit.folder).toBe("/etc/keybroker/audit");
    expect(configuration.metrics).toEqual({ host: "::1", port: 9464 });
    expect(configuration.limits).toMatchObject({
      maxMessageBytes: 65_536,
      maxHeaderBytes: 2_048,
      callTimeoutMs: 60_000,
    });
  });

  it("without a cache leave nothing behind", async () => {
    const configuration = await load(
      textOf({
        keys: "{ k: { wrapTo: [{ provider: local }], unwrapCache: none } }",
        policy: '[{ who: backup, may: wrap, keys: "*" }]',
      }),
    );
    expect(configuration.keys.get("k")!.unwrapCache).toEqual({ maxAgeMs: 0, maxEntries: 0 });
  });

  it("need every recipient unless told otherwise", async () => {
    const configuration = await load(
      textOf({
        providers: `
  local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" } }
  other: { kind: env, keys: { "1": "\${CONFIG_TEST_OTHER_KEY}" } }`,
        keys: "\n  backups/db: { wrapTo: [{ provider: local }, { provider: other }] }",
      }),
    );
    expect(configuration.keys.get("backups/db")!.wrapNeeds).toBe(2);
  });
});

describe("references", () => {
  const listener = `{ sock: { unix: "\${CONFIG_TEST_SOCKET}", identity: backup } }`;

  it("put a variable's value in a text's place, and check it there", async () => {
    process.env["CONFIG_TEST_SOCKET"] = "/run/from-variable.sock";
    const configuration = await load(textOf({ listeners: listener }));
    expect(configuration.listeners.get("sock")).toMatchObject({ unix: "/run/from-variable.sock" });
    process.env["CONFIG_TEST_SOCKET"] = `/run/${"x".repeat(120)}`;
    expect(await problemsOf(textOf({ listeners: listener }))).toEqual([
      "7:28: listeners.sock.unix: the socket's path has 125 bytes: at most 100 work everywhere",
    ]);
  });

  it("name a variable that is not set, for texts and for secrets", async () => {
    delete process.env["CONFIG_TEST_SOCKET"];
    const text = textOf({
      listeners: listener,
      providers: `\n  local: { kind: env, keys: { "1": "\${CONFIG_TEST_NO_KEY}" } }`,
    });
    expect(await problemsOf(text)).toEqual([
      "4:36: providers.local.keys.1: the environment variable CONFIG_TEST_NO_KEY is not set",
      "7:28: listeners.sock.unix: the environment variable CONFIG_TEST_SOCKET is not set",
    ]);
  });

  it("are whole values", async () => {
    const inside = `{ sock: { unix: "/run/\${USER}.sock", identity: backup } }`;
    expect(await problemsOf(textOf({ listeners: inside }))).toEqual([
      expect.stringMatching(/^7:28: listeners\.sock\.unix: a \$\{NAME\} reference must be the whole value/),
    ]);
  });

  it("are the only way to give a secret, which is never repeated", async () => {
    const literal = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlYyE=";
    const [problem, ...others] = await problemsOf(
      textOf({ providers: `\n  local: { kind: env, keys: { "1": ${literal} } }` }),
    );
    expect(problem).toMatch(/^4:36: providers\.local\.keys\.1: a secret never stands here itself/);
    expect(problem).not.toContain(literal);
    expect(others).toEqual([]);
  });

  it("name a file that is not there", async () => {
    const providers = `\n  local: { kind: env, keys: { "1": file:/nowhere/key } }`;
    expect(await problemsOf(textOf({ providers }))).toEqual([
      "4:36: providers.local.keys.1: the file /nowhere/key is not there",
    ]);
  });
});

describe("digests", () => {
  it("of a provider follow its settings, not its name or its place", async () => {
    const digests = async (providers: string) => {
      const loaded = await load(textOf({ providers }), {});
      return [...loaded.providers.values()].map(({ digest }) => digest);
    };
    const [first] = await digests(`\n  local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" }, primary: "1" }`);
    const same = await digests(
      `\n  a: { primary: "1", keys: { "1": "\${CONFIG_TEST_KEY}" }, kind: env }\n  local: { kind: env, keys: { "2": "\${CONFIG_TEST_KEY}" } }`,
    );
    expect(same[0]).toBe(first);
    expect(same[1]).not.toBe(first);
  });

  it("of a configuration follow its text", async () => {
    const [a, b, c] = await Promise.all([load(textOf()), load(textOf()), load(`${textOf()}# more\n`)]);
    expect(a.digest).toBe(b.digest);
    expect(a.digest).not.toBe(c.digest);
  });
});
