// The golden vectors through the product's own functions: valid ones open, invalid ones are refused where they should be.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contextHash, decode, encodeBranchHeader, fromText, toText } from "../../../src/envelope/index.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { choices } from "../../vectors/choices.ts";
import { branchKeyOf, openFromShares, openWith } from "../../vectors/open.ts";
import { goldenFiles, goldenFolder, readGolden } from "../../vectors/vectors.ts";
import type { InvalidJson, ValidJson } from "../../vectors/vectors.ts";

const valid = readGolden<ValidJson>("valid");
/** Those that env master keys open, and those of which the file has the shares: each is one or both. */
const byMasterKeys = valid.filter(([, { masterKeys }]) => masterKeys.length > 0);
const byShares = valid.filter(([, { steps }]) => steps.shares !== undefined);
const invalid = readGolden<InvalidJson>("invalid");

function bytesOf({ envelope, text }: { envelope?: string; text?: string }): Buffer {
  return envelope === undefined ? fromText(text!) : Buffer.from(envelope, "hex");
}

const masterKeysOf = (vector: { masterKeys: readonly string[] }) =>
  vector.masterKeys.map((key) => Buffer.from(key, "hex"));

/** The reason and message of what was thrown, or "nothing". */
function thrown(act: () => unknown): string {
  try {
    act();
    return "nothing";
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    return `${(error as BrokerError).reason} ${(error as BrokerError).message}`;
  }
}

test("the files are what the generator makes, none more and none less", () => {
  const made = goldenFiles();
  const lying = readdirSync(goldenFolder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".json"),
  );
  expect(lying.sort()).toEqual([...made.keys()].sort());
  for (const [path, text] of made) expect(readFileSync(goldenFolder + path, "utf8") === text, path).toBe(true);
});

test("each valid vector can be opened by its file alone", () => {
  const either = new Set([...byMasterKeys, ...byShares].map(([name]) => name));
  expect(either.size).toBe(valid.length);
  expect([byMasterKeys.length > 60, byShares.length > 15]).toEqual([true, true]);
});

test.each(byShares)("%s opens with every choice of its shares, and with no fewer", (_, vector) => {
  const envelope = decode(bytesOf(vector));
  const shares = vector.steps.shares!.map((share, i) => ({ position: i + 1, share: Buffer.from(share, "hex") }));
  expect(shares.length).toBe(envelope.recipients.length);
  for (const chosen of choices(shares, envelope.threshold)) {
    const dataKey = openFromShares(chosen, envelope, vector.context);
    expect(dataKey.equals(Buffer.from(vector.dataKey, "hex"))).toBe(true);
  }
  if (envelope.threshold === 1) return;
  const one = [{ position: 1, share: shares[0]!.share }];
  expect(thrown(() => openFromShares(one, { ...envelope, threshold: 1 }, vector.context))).toMatch(
    /^ENVELOPE_REFUSED /,
  );
});

test.each(byMasterKeys)("%s opens", (_, vector) => {
  const bytes = bytesOf(vector);
  const dataKey = openWith(masterKeysOf(vector), bytes, vector.context);
  expect(dataKey.equals(Buffer.from(vector.dataKey, "hex"))).toBe(true);
  expect(contextHash(vector.context).toString("hex")).toBe(vector.steps.contextHash);
  expect(branchKeyOf(decode(bytes), masterKeysOf(vector)).toString("hex")).toBe(vector.steps.branchKey);
});

test.each(valid)("%s says of itself what its file says", (_, vector) => {
  const bytes = bytesOf(vector);
  const envelope = decode(bytes);
  const { threshold, realm, key } = envelope;
  const branchId = Buffer.from(envelope.branchId).toString("hex");
  const recipients = envelope.recipients.map(({ kind, scheme, masterKeyId, version }) => ({
    kind,
    scheme,
    masterKeyId,
    version,
  }));
  expect({ threshold, branchId, realm, key, recipients }).toEqual(vector.header);
  expect(envelope.dataKeyLength).toBe(vector.dataKey.length / 2);
});

test.each(valid)("%s is written again as the same bytes", (_, vector) => {
  const bytes = bytesOf(vector);
  const envelope = decode(bytes);
  const h0 = encodeBranchHeader(envelope);
  const rest = [envelope.commitment, envelope.associatedData.subarray(-16), envelope.sealed];
  expect(Buffer.concat([h0, ...rest]).equals(bytes)).toBe(true);
  if (vector.text !== undefined) expect(toText(bytes) === vector.text).toBe(true);
});

test.each(invalid)("%s is refused, and by the check that should", (_, vector) => {
  const steps: [string, () => unknown][] = [
    ["text", () => bytesOf(vector)],
    ["envelope", () => decode(bytesOf(vector))],
    ["context", () => contextHash(vector.context)],
    ["opening", () => openWith(masterKeysOf(vector), bytesOf(vector), vector.context)],
  ];
  const failing = steps.find(([, step]) => thrown(step) !== "nothing");
  expect(failing?.[0]).toBe(vector.refusedBy);
  const reason = vector.refusedBy === "context" ? "REQUEST_INVALID" : "ENVELOPE_REFUSED";
  expect(thrown(failing![1])).toMatch(new RegExp(`^${reason} `));
});

test("what can be read but not opened is refused with one message, whatever the fault", () => {
  const opening = invalid.filter(([, vector]) => vector.refusedBy === "opening");
  const messages = opening.map(([, vector]) =>
    thrown(() => openWith(masterKeysOf(vector), bytesOf(vector), vector.context)),
  );
  expect(messages.length).toBeGreaterThan(30);
  expect(new Set(messages).size).toBe(1);
});

test("what cannot be read is refused with one message", () => {
  const unreadable = invalid.filter(([, vector]) => vector.refusedBy === "envelope");
  const messages = unreadable.map(([, vector]) => thrown(() => decode(bytesOf(vector))));
  expect(new Set(messages).size).toBe(1);
});
