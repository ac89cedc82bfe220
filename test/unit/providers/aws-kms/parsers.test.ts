// What aws-kms reads by itself: names of keys, base64, the plaintext in an answer, settings.

import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { formatKeyArn, inRegion, isMultiRegion, parseKeyArn, parseKeyName } from "../../../../providers/aws-kms/arn.ts";
import { decode, encodedLength, encodeInto } from "../../../../providers/aws-kms/base64.ts";
import awsKms from "../../../../providers/aws-kms/index.ts";
import { cutOut } from "../../../../providers/aws-kms/plaintext.ts";

const id = "1234abcd-12ab-34cd-56ef-1234567890ab";
const mrk = "mrk-1234abcd12ab34cd56ef1234567890ab";

describe("names of keys", () => {
  test.each([
    [id, "key id"],
    [mrk, "key id"],
    ["alias/backups/db", "alias"],
    [`arn:aws:kms:eu-central-1:111122223333:key/${id}`, "key ARN"],
    [`arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/${mrk}`, "key ARN"],
    ["arn:aws-cn:kms:cn-north-1:111122223333:alias/backups", "alias ARN"],
  ])("%s is a %s", (name, form) => {
    expect(parseKeyName(name)?.form).toBe(form);
  });

  test.each([
    "",
    "alias/",
    "alias/a b",
    "my-key",
    `arn:aws:kms:eu-central-1:111122223333:${id}`,
    `arn:aws:kms:eu-central-1:1111:key/${id}`,
    `arn:aws:s3:eu-central-1:111122223333:key/${id}`,
    `arn:aws:kms:eu-central-1:111122223333:key/${id}/more`,
    `arn:aws:kms:eu-central-1:111122223333:key/../${id}`,
    ` arn:aws:kms:eu-central-1:111122223333:key/${id}`,
    `arn:aws:kms:eu-central-1:111122223333:key/${id}\n`,
  ])("%j is none", (name) => {
    expect(parseKeyName(name)).toBeUndefined();
  });

  const parts = fc.record({
    partition: fc.constantFrom("aws", "aws-cn", "aws-us-gov"),
    region: fc.constantFrom("eu-central-1", "us-gov-west-1", "ap-southeast-3"),
    account: fc.stringMatching(/^\d{12}$/),
    keyId: fc.oneof(
      fc.uuid(),
      fc.stringMatching(/^[0-9a-f]{32}$/).map((hex) => `mrk-${hex}`),
    ),
  });

  property.prop([parts])("an ARN is what was read from it", (arn) => {
    expect(parseKeyArn(formatKeyArn(arn))).toEqual(arn);
    expect(parseKeyName(formatKeyArn(arn))).toEqual({ form: "key ARN", arn });
    expect(parseKeyArn(inRegion(arn, "us-east-1"))).toEqual({ ...arn, region: "us-east-1" });
    expect(isMultiRegion(arn.keyId)).toBe(arn.keyId.startsWith("mrk-"));
  });

  property.prop([fc.string()])("no text breaks the reading", (text) => {
    const name = parseKeyName(text);
    if (name?.form === "key ARN") expect(formatKeyArn(name.arn)).toBe(text);
  });
});

describe("base64", () => {
  property.prop([fc.uint8Array({ maxLength: 100 })])("agrees with node's", (bytes) => {
    const text = Buffer.alloc(encodedLength(bytes.length) + 2, "!");
    encodeInto(text, 1, bytes);
    expect(text.toString()).toBe(`!${Buffer.from(bytes).toString("base64")}!`);
    expect(decode(text.subarray(1, -1))).toEqual(Buffer.from(bytes));
  });

  property.prop([fc.string({ maxLength: 12 })])("takes only what is canonical", (text) => {
    const decoded = decode(Buffer.from(text));
    if (decoded) expect(decoded.toString("base64")).toBe(text);
    else expect(Buffer.from(text, "base64").toString("base64")).not.toBe(text);
  });
});

describe("the plaintext in an answer", () => {
  const spaces = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

  property.prop([fc.uint8Array({ maxLength: 70 }), spaces, fc.boolean()])(
    "is cut out wherever it stands, and leaves JSON with zeros",
    (bytes, space, isFirst) => {
      const own = `"Plaintext"${space}:${space}"${Buffer.from(bytes).toString("base64")}"`;
      const fields = ['"KeyId":"arn"', '"KeyMaterialId":"ab"'];
      const text = `{${(isFirst ? [own, ...fields] : [...fields, own]).join(`${space},`)}}`;
      const json = Buffer.from(text);
      expect(cutOut(json)).toEqual(Buffer.from(bytes));
      const left = JSON.parse(json.toString()) as Record<string, string>;
      expect(left["KeyId"]).toBe("arn");
      expect(left["Plaintext"]).toMatch(/^A*$/);
    },
  );

  test("is absent from an answer that has none", () => {
    expect(cutOut(Buffer.from('{"KeyId":"arn"}'))).toBeUndefined();
  });

  test.each([
    '{"Plaintext":"AAAA","Plaintext":"BBBB"}',
    '{"Plaintext":"AA=A"}',
    '{"Plaintext":"AAB="}',
    String.raw`{"Plaintext":"AA\/A"}`,
    '{"Plaintext":null}',
    '{"Plaintext"',
    '{"Plaintext":"AAAA',
  ])("%s is not believed", (json) => {
    expect(() => cutOut(Buffer.from(json))).toThrow("no readable answer");
  });

  property.prop([fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 40 })])("survives any bytes", (noise, place) => {
    const json = Buffer.from('{"KeyId":"arn","Plaintext":"AAAA"}');
    json.set(noise.subarray(0, Math.max(0, json.length - place)), Math.min(place, json.length));
    try {
      cutOut(json);
    } catch (error) {
      expect(error).toHaveProperty("reason", "PROVIDER_UNAVAILABLE");
    }
  });
});

describe("settings", () => {
  const region = "eu-central-1";
  const read = (settings: object) => awsKms.settings.safeParse(settings);
  const roleArn = "arn:aws:iam::111122223333:role/keybroker";

  test("a region is enough", () => {
    expect(read({ region }).data).toEqual({ region, fallbackRegions: [], fallbackAfter: 1_000 });
  });

  test.each([
    "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com",
    "http://127.0.0.1:5000",
    "http://[::1]:5000",
    "http://localhost:4566",
    "http://kms.keybroker.test:1",
  ])("the endpoint %s is taken", (endpoint) => {
    expect(read({ region, endpoint }).success).toBe(true);
  });

  test.each([
    "http://kms.eu-central-1.amazonaws.com",
    "http://127.0.0.1.example.com",
    "https://user:secret@kms.example.com",
    "https://kms.example.com/?a=b",
    "ftp://kms.example.com",
    "kms.example.com",
  ])("the endpoint %s is refused", (endpoint) => {
    expect(read({ region, endpoint }).error?.issues[0]?.message).toContain("expected an https:// URL");
  });

  test.each([
    [{}, "region"],
    [{ region: "Frankfurt" }, "region"],
    [{ region, unknown: 1 }, ""],
    [{ region, assumeRole: { roleArn }, webIdentity: { roleArn, tokenFile: "/t" } }, "webIdentity"],
    [{ region, assumeRole: { roleArn: "keybroker" } }, "assumeRole.roleArn"],
    [{ region, webIdentity: { roleArn } }, "webIdentity.tokenFile"],
    [{ region, fallbackRegions: [region] }, "fallbackRegions"],
    [{ region, fallbackRegions: ["us-east-1", { region: "us-east-1" }] }, "fallbackRegions"],
    [{ region, fallbackAfter: "1" }, "fallbackAfter"],
    [{ region, fallbackAfter: "0s" }, "fallbackAfter"],
  ])("%j is refused at %j", (settings, path) => {
    expect(read(settings).error?.issues.map((issue) => issue.path.join("."))).toContain(path);
  });

  test("a reference is one of the names of a key", () => {
    expect(awsKms.reference.safeParse({ key: "alias/backups" }).success).toBe(true);
    expect(awsKms.reference.safeParse({ key: "backups" }).success).toBe(false);
    expect(awsKms.reference.safeParse({}).success).toBe(false);
  });
});
