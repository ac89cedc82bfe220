import { describe, expect, it } from "vitest";
import { configurationFrom, ConfigurationError } from "../../../src/config/index.ts";

process.env["CONFIG_TEST_KEY"] ??= "unread";

const textOf = (more: { key?: string; quota?: string; extra?: string } = {}) => `
version: 1
realm: prod
providers: { local: { kind: env, keys: { "1": "\${CONFIG_TEST_KEY}" } } }
keys: { backups/db: { wrapTo: [{ provider: local }]${more.key ?? ""} } }
listeners: { main: { unix: /run/kb.sock, identity: backup } }
policy: [{ who: backup, may: [wrap, unwrap], keys: backups/db${more.quota ?? ""} }]
${more.extra ?? ""}`;
const load = (text: string) => configurationFrom(text, { files: "skip" });

describe("a store", () => {
  it("is a file whose path is taken from the configuration's folder", async () => {
    const { configuration } = await load(textOf({ extra: "store: { sqlite: state/store.db }" }));
    expect(configuration.store).toEqual({ sqlite: `${process.cwd()}/state/store.db` });
  });

  it("that is not there cannot be lost", async () => {
    const refuse = { key: ", onStoreLoss: refuse" };
    const problems = await load(textOf(refuse)).catch((error: ConfigurationError) => error.problems);
    expect(problems).toMatchObject([{ path: "keys.backups/db.onStoreLoss", line: 5 }]);
    const { configuration } = await load(textOf({ ...refuse, extra: "store: { sqlite: /x }" }));
    expect(configuration.keys.get("backups/db")!.onStoreLoss).toBe("refuse");
  });

  it("that is not there is missed where quotas are", async () => {
    const quota = { quota: ", quota: 5/s" };
    expect((await load(textOf(quota))).warnings).toMatchObject([{ path: "policy[0].quota" }]);
    expect((await load(textOf({ ...quota, extra: "store: { sqlite: /x }" }))).warnings).toEqual([]);
  });
});

describe("rates", () => {
  it("are so many in a second, minute, hour or day", async () => {
    const { configuration } = await load(
      textOf({ extra: "limits: { refusedLoads: 7/m, providerCallsPerIdentity: 500/s }" }),
    );
    expect(configuration.limits).toMatchObject({
      refusedLoads: { limit: 7, windowMs: 60_000 },
      providerCallsPerIdentity: { limit: 500, windowMs: 1_000 },
    });
  });

  it.each(["0/s", "5", "5/w", "-1/s", "5 /s", "5 distinct/h", "1e3/s"])("are not %s", async (rate) => {
    const refused = await load(textOf({ extra: `limits: { refusedLoads: "${rate}" }` })).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(ConfigurationError);
  });
});

describe("a quota", () => {
  it("is refused where it would count nothing", async () => {
    const problems = (quota: string, may: string) =>
      load(
        textOf({ extra: "store: { sqlite: /x }" }).replace("may: [wrap, unwrap]", `may: [${may}], quota: ${quota}`),
      ).then(
        () => [],
        (error: ConfigurationError) => error.problems.map(({ path }) => path),
      );
    expect(await problems("5/h", "wrap, admin.keys.list")).toEqual(["policy[0].may[1]"]);
    expect(await problems("5 distinct/h", "wrap, generate")).toEqual(["policy[0].quota"]);
    expect(await problems("5 distinct/h", "wrap, unwrap")).toEqual([]);
  });
});
