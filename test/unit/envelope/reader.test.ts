// The independent reader: it agrees with the golden vectors, says so when it does not, and opens what the product seals.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { contextHash, decode, deriveKeys, seal, toText } from "../../../src/envelope/index.ts";
import { randomBytes } from "../../../src/secret/index.ts";
import { available } from "../../backends/available.ts";
import { python } from "../../backends/python.ts";
import { branchKeyOf } from "../../vectors/open.ts";
import type { ValidJson } from "../../vectors/vectors.ts";
import { sampleEnvelope, sampleMasterKeys } from "./sample.ts";

const vectors = fileURLToPath(new URL("../../vectors/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "keybroker-reader-"));
afterAll(() => rmSync(folder, { recursive: true }));

const interpreter = available(python);

/** Runs a reader without anything that is installed beside Python: -I and -S leave the standard library alone. */
function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(interpreter!, ["-I", "-S", ...args]);
  return { status, stdout, stderr: String(stderr) };
}

const reader = join(vectors, "reader.py");

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe.skipIf(!interpreter)("over the golden vectors", () => {
  test("alone, it opens every valid one and refuses every invalid one", () => {
    const { status, stdout, stderr } = run(reader);
    expect(stderr).toBe("");
    expect(String(stdout)).toMatch(/^\d{2,} valid and \d{3,} invalid vectors read, 0 failed\n$/);
    expect(status).toBe(0);
  });

  function copyOfAll(): string {
    const copied = mkdtempSync(join(folder, "copy-"));
    cpSync(reader, join(copied, "reader.py"));
    cpSync(join(vectors, "golden"), join(copied, "golden"), { recursive: true });
    return copied;
  }

  /** A valid vector alone, changed as told, beside an invalid one: what the reader says of it. */
  function changed(name: string, change: (vector: ValidJson) => ValidJson): string {
    const copied = mkdtempSync(join(folder, "changed-"));
    for (const file of ["reader.py", `golden/valid/${name}.json`, "golden/invalid/empty.json"])
      cpSync(join(vectors, file), join(copied, file));
    const path = join(copied, `golden/valid/${name}.json`);
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")) as ValidJson)));
    const { status, stdout } = run(join(copied, "reader.py"));
    return `${status} ${String(stdout).split("\n")[0]}`;
  }

  const shareOf = (vector: ValidJson, shares?: readonly string[]): ValidJson => {
    const { contextHash, branchKey } = vector.steps;
    return { ...vector, steps: { contextHash, branchKey, ...(shares && { shares }) } };
  };

  test("a share that is another's makes it fail, whichever it is", () => {
    for (const place of [0, 1, 2]) {
      const spoil = (v: ValidJson) => shareOf(v, v.steps.shares!.with(place, "00".repeat(32)));
      expect(changed("real-2-of-3", spoil)).toBe("1 valid/real-2-of-3.json: refused: the commitment is another key's");
    }
  });

  test("a share too few makes it fail", () => {
    expect(changed("real-2-of-3", (v) => shareOf(v, v.steps.shares!.slice(1)))).toMatch(/^1 .*one share for each/);
  });

  test("a vector that it could open with nothing makes it fail", () => {
    expect(changed("real-2-of-3", (v) => shareOf(v))).toMatch(/^1 .*: neither master keys nor shares$/);
  });

  test.each([
    ["real-aws-kms-then-env", "02010"],
    ["real-gcp-kms-then-env", "03010"],
    ["real-vault-aes256-gcm96-then-env", "04010"],
    ["real-pkcs11-gcm-then-env", "05010"],
    ["real-pkcs11-key-wrap-then-env", "05040"],
    ["real-pkcs11-rsa-oaep-sha1-then-env", "05060"],
  ])("the blob of %s under a scheme that the registry does not know makes it fail", (name, row) => {
    const kind = row.slice(0, 2);
    // The env recipient's key is taken away: what is left to look at is the real blob's row.
    const rename = (v: ValidJson): ValidJson => ({
      ...v,
      masterKeys: [],
      envelope: v.envelope!.replace(`6462${row}`, `6462${kind}090`),
    });
    expect(changed(name, (v) => ({ ...v, masterKeys: [] }))).toMatch(/^0 1 valid and 1 invalid/);
    expect(changed(name, rename)).toMatch(new RegExp(`: refused: kind ${Number(kind)}: not as the registry says$`));
  });

  test.each([
    ["a valid vector among the invalid", "valid/plain.json", "invalid/plain.json"],
    ["an invalid vector among the valid", "invalid/context-border.json", "valid/context-border.json"],
  ])("%s makes it fail", (_, from, to) => {
    const copied = copyOfAll();
    renameSync(join(copied, "golden", from), join(copied, "golden", to));
    const { status, stdout } = run(join(copied, "reader.py"));
    expect(status).toBe(1);
    expect(String(stdout)).toMatch(/, 1 failed/);
  });

  test("without vectors it fails", () => {
    const copied = mkdtempSync(join(folder, "bare-"));
    cpSync(reader, join(copied, "reader.py"));
    expect(run(join(copied, "reader.py")).status).toBe(1);
  });
});

describe.skipIf(!interpreter)("over a user's envelope", () => {
  // Sealed by the product under the sample's branch key, as a later wrap under the same branch key would be.
  const sample = decode(sampleEnvelope());
  const branch = { h0: sample.h0, ...deriveKeys(branchKeyOf(sample, sampleMasterKeys), sample.h0) };
  const dataKey = randomBytes(48);
  const context = { note: "clé 🔑", host: "db-1" };
  const envelope = seal(branch, dataKey, contextHash(context));
  const key = sampleMasterKeys[0]!;
  const told = ["--context", "host=db-1", "--context", "note=clé 🔑"];
  const binary = write("envelope", envelope);

  test.each([
    ["hex", key.toString("hex")],
    ["base64", key.toString("base64")],
    ["base64url and a line end", `${key.toString("base64url")}\n`],
  ])("with the master key in %s", (_, text) => {
    const { status, stdout, stderr } = run(reader, "--master-key-file", write("key", text), ...told, binary);
    expect(stderr).toBe("");
    expect(stdout.equals(dataKey)).toBe(true);
    expect(status).toBe(0);
  });

  const keyFile = write("master", key.toString("base64url"));
  const other = write("other", randomBytes(32).toString("base64url"));

  test.each([
    ["without", ""],
    ["with", "\n"],
  ])("in text form %s a line end", (_, end) => {
    const path = write("text", toText(envelope) + end);
    const { stdout } = run(reader, "--master-key-file", other, "--master-key-file", keyFile, ...told, path);
    expect(stdout.equals(dataKey)).toBe(true);
  });

  test.each([
    ["another context", ["--master-key-file", keyFile, "--context", "host=db-2", binary]],
    ["another master key", ["--master-key-file", other, ...told, binary]],
    ["a tampered envelope", ["--master-key-file", keyFile, ...told, write("cut", envelope.subarray(1))]],
  ])("%s is refused with status 4 and no output", (_, args) => {
    const { status, stdout, stderr } = run(reader, ...args);
    expect([status, stdout.length]).toEqual([4, 0]);
    expect(stderr).toMatch(/^reader\.py: refused: /);
  });

  test.each([
    ["a context name given twice", ["--master-key-file", keyFile, "--context", "a=1", "--context", "a=2", binary]],
    ["a context without =", ["--master-key-file", keyFile, "--context", "a", binary]],
    ["a master key that is none", ["--master-key-file", write("bad", "changeme"), ...told, binary]],
    ["a file that is not there", ["--master-key-file", join(folder, "absent"), ...told, binary]],
    ["no master key", [...told, binary]],
  ])("%s is a usage error, status 2, in one line", (_, args) => {
    const { status, stdout, stderr } = run(reader, ...args);
    expect([status, stdout.length]).toEqual([2, 0]);
    expect(stderr).toMatch(/^reader\.py: .+\n$/);
  });
});
