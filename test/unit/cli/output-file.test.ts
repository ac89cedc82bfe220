// Files appear whole or not at all, and nobody else's is replaced.

import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { checkTarget, writeWhole } from "../../../src/cli/output-file.ts";
import { folder, type Folder } from "./harness.ts";

let files: Folder;
const bytes = Buffer.from("new");
const options = { mode: 0o600, overwrite: false };

beforeEach(() => {
  files = folder();
});
afterEach(() => files.remove());

test("a new file has its content and mode, whatever the umask", () => {
  const umask = process.umask(0o777);
  writeWhole(files.at("f"), bytes, { mode: 0o640, overwrite: false });
  process.umask(umask);
  expect(readFileSync(files.at("f"), "utf8")).toBe("new");
  expect(statSync(files.at("f")).mode & 0o777).toBe(0o640);
  expect(files.names()).toEqual(["f"]);
});

test.each(["a file", "a link that points nowhere", "a folder"])("%s that is there stays", (what) => {
  if (what === "a file") writeFileSync(files.at("f"), "old");
  else if (what === "a folder") mkdirSync(files.at("f"));
  else symlinkSync("nowhere", files.at("f"));
  expect(() => checkTarget(files.at("f"), false)).toThrow("exists already");
  expect(() => writeWhole(files.at("f"), bytes, options)).toThrow("exists already");
  expect(files.names()).toEqual(["f"]);
  if (what === "a file") expect(readFileSync(files.at("f"), "utf8")).toBe("old");
  if (what.startsWith("a link")) expect(lstatSync(files.at("f")).isSymbolicLink()).toBe(true);
});

test("overwriting replaces the file and not the link to it", () => {
  writeFileSync(files.at("f"), "old");
  symlinkSync("f", files.at("link"));
  writeWhole(files.at("link"), bytes, { ...options, overwrite: true });
  expect(lstatSync(files.at("link")).isSymbolicLink()).toBe(true);
  expect(readFileSync(files.at("f"), "utf8")).toBe("new");
  mkdirSync(files.at("folder"));
  expect(() => checkTarget(files.at("folder"), true)).toThrow("no regular file");
});

test("who reads while it is replaced sees the old or the new file, whole", () => {
  writeFileSync(files.at("f"), "old");
  const inode = statSync(files.at("f")).ino;
  writeWhole(files.at("f"), bytes, { ...options, overwrite: true });
  expect(statSync(files.at("f")).ino).not.toBe(inode);
});

test("a failure leaves the folder as it was, and says why", () => {
  expect(() => writeWhole(files.at("none/f"), bytes, options)).toThrow("its folder does not exist");
  mkdirSync(files.at("folder"));
  expect(() => writeWhole(files.at("folder"), bytes, { ...options, overwrite: true })).toThrow("was not written");
  if (process.getuid?.() !== 0) {
    chmodSync(files.path, 0o500);
    expect(() => writeWhole(files.at("f"), bytes, options)).toThrow("no permission");
    chmodSync(files.path, 0o700);
  }
  expect(files.names()).toEqual(["folder"]);
});

test("the handlers that hold signals back go away again", async () => {
  const before = process.listenerCount("SIGTERM");
  for (let round = 0; round < 5; round++) writeWhole(files.at(String(round)), bytes, options);
  await vi.waitFor(() => expect(process.listenerCount("SIGTERM")).toBe(before));
});
