import { chmodSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configurationFrom } from "../../../src/config/index.ts";
import { prepareEmbedded } from "../../../src/daemon/embedded.ts";
import { tryItLines } from "../../../src/daemon/try-it.ts";
import { provideVariable } from "../../../src/provider/index.ts";
import { testFolder } from "../server/setting.ts";

let place: ReturnType<typeof testFolder>;
let state: string;
beforeEach(() => {
  place = testFolder();
  state = join(place.folder, "state");
});
afterEach(() => place.remove());

const modeOf = (file: string) => lstatSync(file).mode & 0o777;

describe("without a variable", () => {
  test("a master key is made, for its user alone, and named as a development key", async () => {
    const { text, warning } = prepareEmbedded(state);
    expect([modeOf(state), modeOf(join(state, "master-key"))]).toEqual([0o700, 0o600]);
    const key = readFileSync(join(state, "master-key"), "utf8");
    expect(Buffer.from(key, "base64")).toHaveLength(32);
    expect(warning).toContain(`${state}/master-key`);
    expect(warning).toContain("development key");
    expect(text + warning).not.toContain(key);
    const { configuration } = await configurationFrom(text);
    expect([...configuration.keys.keys()]).toEqual(["default"]);
  });

  test("the key of an earlier start is kept", () => {
    prepareEmbedded(state);
    const before = readFileSync(join(state, "master-key"), "utf8");
    prepareEmbedded(state);
    expect(readFileSync(join(state, "master-key"), "utf8")).toBe(before);
  });

  test("an open state folder is closed", () => {
    mkdirSync(state);
    chmodSync(state, 0o755);
    prepareEmbedded(state);
    expect(modeOf(state)).toBe(0o700);
  });

  test("serves one identity with every permission, on a socket of the state folder, with admin", async () => {
    const { text, socket } = prepareEmbedded(state);
    const { configuration } = await configurationFrom(text);
    expect(socket).toBe(join(state, "keybroker.sock"));
    expect([...configuration.listeners.values()]).toMatchObject([{ unix: socket, mode: 0o600, admin: true }]);
    expect(configuration.policy[0]!.may).toEqual(expect.arrayContaining(["wrap", "unwrap", "admin.status"]));
    expect(configuration.keys.get("default")!.context.required).toBe(false);
    expect(configuration.audit.folder).toBe(join(state, "audit"));
  });
});

describe("a state folder that cannot be used", () => {
  test("is refused: too deep for a socket", () => {
    expect(() => prepareEmbedded(join(place.folder, "x".repeat(100)))).toThrow("KEYBROKER_STATE_DIR");
  });

  test("is refused: a file", () => {
    writeFileSync(state, "");
    expect(() => prepareEmbedded(state)).toThrow(`the state folder ${state} cannot be used: EEXIST`);
  });

  test.runIf(process.geteuid!() === 0)("is refused: another user's", async () => {
    mkdirSync(state);
    (await import("node:fs")).chownSync(state, 12_345, -1);
    expect(() => prepareEmbedded(state)).toThrow("belongs to user 12345");
  });

  test("may be a link to a folder of ours", () => {
    mkdirSync(join(place.folder, "real"), { mode: 0o700 });
    symlinkSync("real", state);
    expect(() => prepareEmbedded(state)).not.toThrow();
  });
});

/** Last: the variable stays provided for the rest of this file. */
describe("with KEYBROKER_MASTER_KEY", () => {
  const given = hash("sha256", "one", "base64");
  const keysOf = (text: string) => (JSON.parse(text) as { providers: { local: object } }).providers.local;

  test("it is the master key, and no file is made", async () => {
    provideVariable("KEYBROKER_MASTER_KEY", Buffer.from(given));
    const { text, warning } = prepareEmbedded(state);
    expect(warning).toBeUndefined();
    expect(keysOf(text)).toEqual({ kind: "env", keys: { variable: "${KEYBROKER_MASTER_KEY}" }, primary: "variable" });
    expect(lstatSync(join(state, "master-key"), { throwIfNoEntry: false })).toBeUndefined();
    await expect(configurationFrom(text)).resolves.toBeDefined();
  });

  test("the file of an earlier start still unwraps", () => {
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(join(state, "master-key"), hash("sha256", "another", "base64"), { mode: 0o600 });
    expect(keysOf(prepareEmbedded(state).text)).toMatchObject({
      keys: { variable: "${KEYBROKER_MASTER_KEY}", file: `file:${state}/master-key` },
      primary: "variable",
    });
  });

  test("a copy of that file is one key, not two", () => {
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(join(state, "master-key"), `${given}\n`, { mode: 0o600 });
    expect(keysOf(prepareEmbedded(state).text)).toMatchObject({ keys: { variable: "${KEYBROKER_MASTER_KEY}" } });
  });
});

describe("the lines to paste", () => {
  test("are five, and survive a path that a shell would take apart", () => {
    const lines = tryItLines("/tmp/it's here/$(x).sock", "default");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe(`export KEYBROKER_ADDRESS='unix:/tmp/it'\\''s here/$(x).sock'`);
  });
});
