// What doctor is told of a provider, with what to do about it.

import { expect, test } from "vitest";
import type { Finding } from "../../../../src/provider/index.ts";
import type { Key } from "../../../fakes/aws-kms/index.ts";
import { failure, findingsOf, never, startSetting } from "./setting.ts";
import type { Setting } from "./setting.ts";

async function examined({ open }: Setting, keys: readonly string[], changes?: object): Promise<readonly Finding[]> {
  const provider = await open(changes);
  return await findingsOf(
    provider.examine!(
      keys.map((key) => ({ key })),
      never,
    ),
  );
}

const badOnes = (findings: readonly Finding[]) => findings.filter(({ outcome }) => outcome === "bad");

test("a key in order has no bad finding, and every call that will be made is looked at", async () => {
  const setting = await startSetting();
  const findings = await examined(setting, [setting.aws.keys.create().arn]);
  expect(badOnes(findings)).toEqual([]);
  const checks = findings.map(({ check }) => check).join("\n");
  for (const word of ["credentials", "key arn:", "kms:Encrypt", "kms:Decrypt", "kms:ListKeyRotations", "clock"])
    expect(checks).toContain(word);
});

/** What is spoiled, where it shows, and how. */
const faults: readonly (readonly [string, string, (setting: Setting, key: Key) => void])[] = [
  ["no credentials", "credentials", ({ aws }) => aws.sessions.tokens.clear()],
  ["no such key", "key ", ({ aws }, key) => aws.keys.remove(key)],
  ["a disabled key", "key ", (_, key) => (key.state = "Disabled")],
  ["no permission to look", "key ", ({ aws }) => (aws.allow = () => false)],
  ["no permission to encrypt", "kms:Encrypt", ({ aws }) => (aws.allow = (action) => action !== "Encrypt")],
  ["no permission to decrypt", "kms:Decrypt", ({ aws }) => (aws.allow = (action) => action !== "Decrypt")],
];

test.each(faults)("%s is told at %j, with a fix", async (_, check, spoil) => {
  const setting = await startSetting();
  const key = setting.aws.keys.create();
  spoil(setting, key);
  const bad = badOnes(await examined(setting, [key.arn]));
  expect(bad).toHaveLength(1);
  expect(bad[0]!.check).toContain(check);
  expect(bad[0]!.fix?.length).toBeGreaterThan(10);
});

test("one bad key does not hide the next, and an outage is told as one", async () => {
  const setting = await startSetting();
  const findings = await examined(setting, ["alias/nowhere", setting.aws.keys.create().arn]);
  expect(badOnes(findings).map(({ check }) => check)).toEqual(["key alias/nowhere"]);
  setting.aws.lie({ kind: "HTML", status: 503 });
  const [out] = badOnes(await examined(setting, [setting.aws.keys.create().arn]));
  expect(out?.detail).toContain("failed within itself");
});

test("each replica is looked at, and fallback regions without a use are mentioned", async () => {
  const setting = await startSetting();
  const { keys, url } = setting.aws;
  const fallbackRegions = [{ region: "eu-west-1", endpoint: url }];
  const multi = keys.create({ multiRegion: true });
  const missing = badOnes(await examined(setting, [multi.arn], { fallbackRegions }));
  expect(missing.map(({ check, fix }) => [check, fix])).toEqual([
    ["replica in eu-west-1", expect.stringContaining("aws kms replicate-key")],
  ]);
  keys.replicate(multi, "eu-west-1");
  expect(badOnes(await examined(setting, [multi.arn], { fallbackRegions }))).toEqual([]);
  const findings = await examined(setting, [keys.create().arn], { fallbackRegions });
  expect(findings.find(({ outcome }) => outcome === "note")?.detail).toContain("no multi-Region key");
});

test("it changes nothing", async () => {
  const setting = await startSetting();
  const { arn, materials } = setting.aws.keys.create();
  await examined(setting, [arn]);
  expect(materials).toHaveLength(1);
  expect([setting.aws.count("Encrypt"), setting.aws.count("Decrypt"), setting.aws.count("RotateKeyOnDemand")]).toEqual([
    0, 0, 0,
  ]);
});

test("an abort ends it", async () => {
  const setting = await startSetting();
  const provider = await setting.open();
  setting.aws.lie({ kind: "hang" });
  const controller = new AbortController();
  const run = findingsOf(provider.examine!([{ key: setting.aws.keys.create().arn }], controller.signal));
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(run).rejects.toThrow("enough");
});

test("a closed provider asks no more", async () => {
  const setting = await startSetting();
  const provider = await setting.open();
  const key = await provider.masterKey({ key: setting.aws.keys.create().arn }, never);
  await provider.close();
  expect((await failure(key.probe(never))).message).toContain("closed");
});
