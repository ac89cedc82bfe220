import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSecretFile } from "../../../src/provider/secret-file.ts";
import { accessFault } from "../../../src/secret/index.ts";

const us = 1000;

describe("who else has a file", () => {
  test.each([
    [0o400, undefined, undefined],
    [0o600, undefined, undefined],
    [0o440, undefined, undefined],
    [0o640, undefined, undefined],
    [0o644, "may be read by every user", undefined],
    [0o604, "may be read by every user", undefined],
    [0o601, "may be read by every user", undefined],
    [0o660, "may be changed by other users", "may be changed by other users"],
    [0o602, "may be changed by other users", "may be changed by other users"],
    [0o666, "may be changed by other users", "may be changed by other users"],
  ])("is seen by its mode %o", (mode, asSecret, asDecision) => {
    for (const uid of [0, us]) {
      const facts = { uid, mode: 0o100000 | mode };
      const told = (fault: string | undefined) => fault?.split(/ of this|:/)[0];
      expect(told(accessFault(facts, "secret", us))).toBe(asSecret);
      expect(told(accessFault(facts, "decides", us))).toBe(asDecision);
    }
  });

  test("is its owner, who may be root or this process's user alone", () => {
    for (const use of ["secret", "decides"] as const) {
      expect(accessFault({ uid: 1001, mode: 0o100600 }, use, us)).toMatch(/^belongs to user 1001: /);
      expect(accessFault({ uid: us, mode: 0o100600 }, use, 0)).toMatch(/^belongs to user 1000: /);
    }
  });
});

describe("a secret's file", () => {
  const folder = mkdtempSync(join(tmpdir(), "kb-"));
  const file = join(folder, "key");
  const read = (mode: number): string => {
    writeFileSync(file, "value");
    chmodSync(file, mode);
    try {
      return readSecretFile(file).toString();
    } finally {
      rmSync(file);
    }
  };

  test("is read where it is its owner's alone, or a group's to read", () => {
    for (const mode of [0o600, 0o400, 0o440]) expect(read(mode)).toBe("value");
  });

  test.each([0o644, 0o660, 0o666, 0o604])("with mode %o is refused by name, with the remedy", (mode) => {
    expect(() => read(mode)).toThrow(new RegExp(`the file ${file} may be .*: chmod`));
  });

  test.skipIf(process.getuid?.() !== 0)("of another user is refused", () => {
    writeFileSync(file, "value", { mode: 0o600 });
    chownSync(file, 4711, 0);
    expect(() => readSecretFile(file)).toThrow("belongs to user 4711");
    rmSync(folder, { recursive: true });
  });
});
