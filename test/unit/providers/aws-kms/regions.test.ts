// Multi-Region keys: replicas that unwrap while the first region is out, and never do anything else.

import { describe, expect, test } from "vitest";
import { homeRegion } from "../../../fakes/aws-kms/index.ts";
import type { Call, Lie } from "../../../fakes/aws-kms/index.ts";
import { binding, failure, material, never, startSetting, unwrap, wrap } from "./setting.ts";

const replicaRegion = "eu-west-1";
const at = (region: string) => (call: Call) => call.region === region;

/** A multi-Region key with a replica, and a provider that may fall back to it. */
async function twoRegions() {
  const setting = await startSetting();
  const { aws, masterKey } = setting;
  const primary = aws.keys.create({ multiRegion: true });
  const replica = aws.keys.replicate(primary, replicaRegion);
  const fallback = { fallbackRegions: [{ region: replicaRegion, endpoint: aws.url }], fallbackAfter: "100ms" };
  const key = await masterKey(primary.arn, fallback);
  return { ...setting, primary, replica, key, fallback, blob: await wrap(key) };
}

describe("a replica", () => {
  test.each([
    { kind: "hang" },
    { kind: "reset" },
    { kind: "HTML", status: 503 },
    { kind: "error", name: "ThrottlingException" },
    { kind: "error", name: "KMSInternalException", status: 500 },
  ] satisfies Lie[])("unwraps while the first region is out: %j", async (lie) => {
    const { aws, key, blob } = await twoRegions();
    const told = aws.lie(lie, at(homeRegion));
    expect((await unwrap(key, blob)).material).toEqual(material);
    expect(told.hits).toBeGreaterThan(0);
  });

  test("unwraps for a provider that knows nothing yet, without waiting for a region that hangs for each blob", async () => {
    const { aws, masterKey, primary, fallback, blob } = await twoRegions();
    const hanging = aws.lie({ kind: "hang" }, at(homeRegion));
    const fresh = await masterKey(primary.arn, fallback);
    const signal = AbortSignal.timeout(3_000);
    for (let call = 0; call < 3; call++)
      expect((await fresh.unwrap(blob.wrapped, blob.scheme, binding, signal)).material).toEqual(material);
    expect(hanging.hits).toBe(4);
  });

  test("never wraps", async () => {
    const { aws, key } = await twoRegions();
    const replica = aws.lie({ kind: "none" }, at(replicaRegion));
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    expect((await failure(wrap(key))).reason).toBe("PROVIDER_UNAVAILABLE");
    expect(replica.hits).toBe(0);
  });

  test("is not asked while the first region answers, nor after it refused, denied or disabled", async () => {
    const { aws, key, blob, primary } = await twoRegions();
    const replica = aws.lie({ kind: "none" }, at(replicaRegion));
    await unwrap(key, blob);
    const tampered = { ...blob, wrapped: Buffer.from(blob.wrapped).fill(0, blob.wrapped.length - 8) };
    expect((await failure(unwrap(key, tampered))).reason).toBe("ENVELOPE_REFUSED");
    primary.state = "Disabled";
    expect((await failure(unwrap(key, blob))).reason).toBe("KEY_DISABLED");
    primary.state = "Enabled";
    aws.allow = () => false;
    expect((await failure(unwrap(key, blob))).reason).toBe("KEY_DISABLED");
    expect(replica.hits).toBe(0);
  });

  test("that is missing or disabled leaves it an outage: nothing is known of the first region's key", async () => {
    const { aws, key, blob, replica } = await twoRegions();
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    replica.state = "Disabled";
    expect((await failure(unwrap(key, blob))).reason).toBe("PROVIDER_UNAVAILABLE");
    aws.keys.remove(replica);
    expect((await failure(unwrap(key, blob))).reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("that answers for another key is not believed", async () => {
    const { aws, key, blob, primary } = await twoRegions();
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    aws.lie({ kind: "fields", fields: { KeyId: primary.arn } }, at(replicaRegion));
    expect((await failure(unwrap(key, blob))).reason).toBe("PROVIDER_UNAVAILABLE");
  });

  test("of a key with one region is not asked for", async () => {
    const { aws, masterKey, fallback } = await twoRegions();
    const key = await masterKey(aws.keys.create().arn, fallback);
    const blob = await wrap(key);
    const replica = aws.lie({ kind: "none" }, at(replicaRegion));
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    expect((await failure(unwrap(key, blob))).reason).toBe("PROVIDER_UNAVAILABLE");
    expect(replica.hits).toBe(0);
  });
});

describe("the id", () => {
  test("is the first region's, also when a replica's ARN or the bare key id was configured in an outage", async () => {
    const { aws, masterKey, primary, replica, fallback } = await twoRegions();
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    for (const name of [primary.arn, replica.arn, primary.id])
      expect((await masterKey(name, fallback)).id).toBe(primary.arn);
  });

  test("of the other region opens too, so that the regions may change places", async () => {
    const { aws, masterKey, primary, replica, blob } = await twoRegions();
    const swapped = await masterKey(replica.arn, {
      region: replicaRegion,
      fallbackRegions: [{ region: homeRegion, endpoint: aws.url }],
    });
    expect(swapped.id).toBe(replica.arn);
    const older = swapped.unwrapOnly?.find(({ id }) => id === primary.arn);
    expect((await unwrap(older!, blob)).material).toEqual(material);
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    expect((await unwrap(older!, blob)).material).toEqual(material);
  });

  test("rotation is the primary's alone", async () => {
    const { aws, masterKey, replica, key, blob } = await twoRegions();
    const other = await masterKey(replica.arn, { region: replicaRegion });
    expect((await failure(other.rotate!(never))).reason).toBe("REQUEST_INVALID");
    await key.rotate!(never);
    expect(await unwrap(key, blob)).toMatchObject({ rewrapDue: true });
    aws.lie({ kind: "HTML", status: 503 }, at(homeRegion));
    expect(await unwrap(key, blob)).toMatchObject({ material, rewrapDue: true });
  });
});
