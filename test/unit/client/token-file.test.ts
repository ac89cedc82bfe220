import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { openTokenFile } from "../../../src/client/token-file.ts";

const folder = mkdtempSync(join(tmpdir(), "token-"));
const file = join(folder, "token");
let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
  writeFileSync(file, "first.to.ken\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

const open = () => openTokenFile(file, () => nowMs);

describe("a token file", () => {
  it("is read again within a second after it changed, and not before", () => {
    const token = open();
    expect(token.current()).toBe("first.to.ken");
    writeFileSync(file, "the.second.token");
    nowMs = 999;
    expect(token.current()).toBe("first.to.ken");
    nowMs = 1_000;
    expect(token.current()).toBe("the.second.token");
  });

  it.each([
    ["empty", ""],
    ["two lines", "one.to.ken\ntwo.to.ken"],
    ["a header", "Bearer first.to.ken"],
    ["too long", "x".repeat(8_193)],
  ])("that became %s leaves the last token, and is refused at the start", (_, text) => {
    const token = open();
    writeFileSync(file, text);
    nowMs = 1_000;
    expect(token.current()).toBe("first.to.ken");
    expect(open).toThrow(new RegExp(`token file ${file} has no bearer token`));
  });

  it("that went leaves the last token, and is refused at the start", () => {
    const token = open();
    rmSync(file);
    nowMs = 1_000;
    expect(token.current()).toBe("first.to.ken");
    expect(open).toThrow(/cannot be read: ENOENT/);
  });
});

describe("a client over TCP", () => {
  const address = "127.0.0.1:7443";

  it("may show a token in place of a certificate", () => {
    createClient({ address, tls: {}, tokenFile: file }).close();
  });

  it("must show something, and a certificate with its key", () => {
    expect(() => createClient({ address, tls: {} })).toThrow(/nothing says who calls/);
    expect(() => createClient({ address, tls: { cert: "x" }, tokenFile: file })).toThrow(/go together/);
    expect(() => createClient({ address, tokenFile: file })).toThrow(/TCP needs TLS/);
  });
});
