// The env provider against the format: it opens the golden vectors' shares, and the independent reader opens its own.

import { spawnSync } from "node:child_process";
import { createSecretKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { masterKeyOf } from "../../../providers/env/master-key.ts";
import {
  combine,
  contextHash,
  decode,
  deriveKeys,
  encodeBranchHeader,
  fromText,
  material,
  openFor,
  seal,
  shareOf,
  split,
} from "../../../src/envelope/index.ts";
import type { Envelope, PositionedShare } from "../../../src/envelope/index.ts";
import { bindingOf } from "../../../src/provider/index.ts";
import type { MasterKey } from "../../../src/provider/index.ts";
import { randomBytes } from "../../../src/secret/index.ts";
import { bindingAt } from "../../vectors/open.ts";
import { readGolden } from "../../vectors/vectors.ts";
import type { ValidJson } from "../../vectors/vectors.ts";

const signal = new AbortController().signal;
const masterKey = (bytes: Buffer): MasterKey => {
  const key = createSecretKey(bytes);
  return masterKeyOf({ name: "v1", key: () => key, retired: false });
};

/** The shares that these master keys open, up to the threshold. */
async function sharesOf(envelope: Envelope, masterKeys: readonly MasterKey[]): Promise<PositionedShare[]> {
  const shares: PositionedShare[] = [];
  for (const [i, { kind, scheme, masterKeyId, wrapped }] of envelope.recipients.entries()) {
    const key = masterKeys.find(({ id }) => kind === 1 && id === masterKeyId);
    if (!key || shares.length === envelope.threshold) continue;
    const binding = bindingAt(envelope, i + 1);
    const unwrapped = await key.unwrap(wrapped, scheme, binding, signal);
    shares.push({ position: i + 1, share: shareOf(unwrapped.material, binding) });
  }
  return shares;
}

const ours = readGolden<ValidJson>("valid").filter(([, { masterKeys }]) => masterKeys.length > 0);

test.each(ours)("%s opens", async (_, vector) => {
  const envelope = decode(vector.text === undefined ? Buffer.from(vector.envelope!, "hex") : fromText(vector.text));
  const shares = await sharesOf(
    envelope,
    vector.masterKeys.map((hex) => masterKey(Buffer.from(hex, "hex"))),
  );
  const branchKey = envelope.threshold === 1 ? Buffer.from(shares[0]!.share) : combine(shares);
  const dataKey = openFor(envelope, deriveKeys(branchKey, envelope.h0).sealKey, contextHash(vector.context));
  expect(dataKey.equals(Buffer.from(vector.dataKey, "hex"))).toBe(true);
});

test.each([
  [1, 1],
  [1, 2],
  [2, 3],
])("the reader opens what was made anew with k = %i, n = %i", async (threshold, count) => {
  const secrets = Array.from({ length: count }, () => randomBytes(32));
  const branchId = randomBytes(16);
  const branchKey = randomBytes(32);
  const facts = { suite: 1, realm: "prod", key: "backups/db", branchId, threshold };
  const recipients = await Promise.all(
    split(branchKey, threshold, count).map(async (share, i) => {
      const binding = bindingOf({ ...facts, share: i + 1, recipients: count });
      const key = masterKey(secrets[i]!);
      return { kind: 1, masterKeyId: key.id, ...(await key.wrap(material(share, binding), binding, signal)) };
    }),
  );
  const h0 = encodeBranchHeader({ ...facts, recipients });
  const dataKey = randomBytes(32);
  const envelope = seal({ h0, ...deriveKeys(branchKey, h0) }, dataKey, contextHash({ host: "db-1" }));
  expect(readByReader(envelope, secrets.slice(-threshold)).equals(dataKey)).toBe(true);
});

function readByReader(envelope: Buffer, masterKeys: readonly Buffer[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "keybroker-env-"));
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const reader = fileURLToPath(new URL("../../vectors/reader.py", import.meta.url));
  const keys = masterKeys.flatMap((key, i) => ["--master-key-file", write(`key-${i}`, key.toString("base64"))]);
  const told = ["--context", "host=db-1", write("envelope", envelope)];
  try {
    return spawnSync("python3", ["-I", "-S", reader, ...keys, ...told]).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
