// Keys, their versions, and what a probe says of them.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VersionState } from "../../../../src/provider/index.ts";
import { binding, never, startBench, wrapped } from "./bench.ts";
import type { Bench } from "./bench.ts";

let bench: Bench;
beforeAll(async () => (bench = await startBench()));
afterAll(() => bench.stop());

const states = (list: readonly { version: string; state: VersionState }[]) =>
  list.map(({ version, state }) => `${version} ${state}`);

describe("a reference", () => {
  test("to a key of another purpose can never be right", async () => {
    await expect(bench.key({ purpose: "ASYMMETRIC_SIGN" })).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
    await expect(bench.key({ purpose: "RAW_ENCRYPT_DECRYPT" })).rejects.toThrow("RAW_ENCRYPT_DECRYPT");
  });

  test("to a key that is not there is told as gone", async () => {
    const missing = bench.masterKey("projects/p/locations/l/keyRings/r/cryptoKeys/none");
    await expect(missing).rejects.toMatchObject({ reason: "KEY_DISABLED" });
  });

  test("to a name that Cloud KMS has another for is refused with that name", async () => {
    const { stored } = await bench.key();
    const spoil = (answer: object) => ({ ...answer, name: "projects/other/x" });
    const told = bench.fake.tell({ kind: "spoil", spoil }, { methods: ["getCryptoKey"] });
    await expect(bench.masterKey(stored.name)).rejects.toThrow("projects/other/x");
    told.end();
  });
});

describe("versions", () => {
  test("are listed page by page, the newest last, with their states and times", async () => {
    const { stored, key } = await bench.key();
    for (let n = 2; n <= 11; n++) bench.fake.store.addVersion(stored);
    stored.versions[2]!.state = "DISABLED";
    stored.versions[3]!.state = "DESTROYED";
    stored.primary = stored.versions[9]!;
    const listed = await key.versions!(never());
    expect(states(listed)).toEqual([
      "1 enabled",
      "2 enabled",
      "3 disabled",
      "4 disabled",
      ...["5", "6", "7", "8", "9"].map((version) => `${version} enabled`),
      "10 primary",
      "11 enabled",
    ]);
    expect(listed[0]!.createdAt!.getTime()).toBeCloseTo(stored.versions[0]!.createdAt.getTime(), -4);
  });

  test("rotation makes one that wraps; older blobs open and say that a rewrap is due", async () => {
    const { key } = await bench.key();
    const old = await wrapped(key);
    expect(await key.rotate!(never())).toBe("2");
    const fresh = await wrapped(key);
    expect([old.version, fresh.version]).toEqual(["1", "2"]);
    const answers = [old, fresh].map(({ wrapped: blob, scheme }) => key.unwrap(blob, scheme, binding, never()));
    const opened = await Promise.all(answers);
    expect(opened.map(({ rewrapDue, version }) => [rewrapDue, version])).toEqual([
      [true, ""],
      [false, "2"],
    ]);
    expect(opened[0]!.material).toEqual(old.material);
  });

  test("rotation waits for an HSM to make the version", async () => {
    const { stored, key } = await bench.key({ protectionLevel: "HSM" });
    stored.pendingReads = 1;
    expect(await key.rotate!(never())).toBe("2");
    expect(stored.primary!.id).toBe(2);
  });

  test("rotation that was cut off after making a version goes on with that one", async () => {
    const { stored, key } = await bench.key();
    const denial = bench.account.deny("cloudkms.cryptoKeys.update");
    await expect(key.rotate!(never())).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    denial();
    expect(await key.rotate!(never())).toBe("2");
    expect(stored.versions).toHaveLength(2);
    expect(await key.rotate!(never())).toBe("3");
  });

  test("are made primary, disabled and enabled", async () => {
    const { key } = await bench.key();
    const blob = await wrapped(key);
    await key.rotate!(never());
    await key.setVersionState!("1", "disabled", never());
    const answer = () => key.unwrap(blob.wrapped, blob.scheme, binding, never());
    await expect(answer()).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    await key.setVersionState!("1", "enabled", never());
    expect((await answer()).material).toEqual(blob.material);
    await key.setVersionState!("1", "primary", never());
    expect(states(await key.versions!(never()))).toEqual(["1 primary", "2 enabled"]);
  });

  test.each(["0", "01", "-1", "1.5", "latest", "", "../1", "99"])("%j is none", async (version) => {
    const { key } = await bench.key();
    const change = key.setVersionState!(version, "disabled", never());
    await expect(change).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
  });

  test("a destroyed one cannot be enabled or made primary", async () => {
    const { stored, key } = await bench.key();
    bench.fake.store.addVersion(stored).state = "DESTROYED";
    for (const state of ["enabled", "primary"] as const) {
      await expect(key.setVersionState!("2", state, never())).rejects.toThrow("current state is: DESTROYED");
    }
  });
});

describe("a probe", () => {
  test.each(["DISABLED", "DESTROYED", "DESTROY_SCHEDULED"] as const)("says that a %s primary is", async (state) => {
    const { stored, key } = await bench.key();
    await key.probe(never());
    stored.primary!.state = state;
    await expect(key.probe(never())).rejects.toMatchObject({ reason: "KEY_DISABLED" });
    stored.primary!.state = "ENABLED";
    await key.probe(never());
  });

  test("says that a key without a primary version is disabled", async () => {
    const { stored, key } = await bench.key();
    stored.primary = undefined;
    await expect(key.probe(never())).rejects.toThrow("missing");
  });

  test("waits for a primary version that is being made", async () => {
    const { stored, key } = await bench.key();
    stored.primary!.state = "PENDING_GENERATION";
    await expect(key.probe(never())).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
  });

  test.each(["cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeys.get"])(
    "sees that %s was taken away",
    async (permission) => {
      const { key } = await bench.key();
      const denial = bench.account.deny(permission);
      await expect(key.probe(never())).rejects.toMatchObject({ reason: "KEY_DISABLED" });
      denial();
      await key.probe(never());
    },
  );

  test("of who may only wrap or only unwrap asks for no more", async () => {
    const { stored } = await bench.key();
    for (const [only, missing] of [
      ["wrap", "Decrypt"],
      ["unwrap", "Encrypt"],
    ] as const) {
      const key = await bench.masterKey(stored.name, await bench.open({ only }));
      const denial = bench.account.deny(`cloudkms.cryptoKeyVersions.useTo${missing}`);
      await key.probe(never());
      const other = only === "wrap" ? key.unwrap(Buffer.alloc(9), 1, binding, never()) : wrapped(key);
      await expect(other).rejects.toMatchObject({ reason: "KEY_DISABLED" });
      denial();
    }
  });

  test("reads, and neither wraps nor unwraps", async () => {
    const { key } = await bench.key();
    const calls = () => bench.fake.calls("encrypt") + bench.fake.calls("decrypt");
    const before = calls();
    await key.probe(never());
    expect(calls()).toBe(before);
  });

  test("does not hold it against the key that an endpoint serves no IAM", async () => {
    const { key } = await bench.key();
    const refusal = () => Object.assign(new Error("x"), { code: 12, details: "unimplemented" });
    const told = bench.fake.tell({ kind: "refuse", refusal }, { methods: ["testIamPermissions"] });
    await key.probe(never());
    expect(told.hits()).toBe(1);
    told.end();
  });
});

test.each([
  ["SOFTWARE", "software"],
  ["HSM", "hsm"],
  ["EXTERNAL_VPC", "external_vpc"],
])("the protection level %s is shown as %s", async (protectionLevel, level) => {
  const { key } = await bench.key({ protectionLevel });
  expect(key.protection).toEqual({ level, authenticated: true });
  expect(key.wrapLimit).toBe(2 ** 32);
});
