import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useCompileCache } from "../../../src/daemon/compile-cache.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "kb-cache-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a folder that others may enter, or that is not there, is left alone", () => {
  const before = nodeModule.getCompileCacheDir();
  chmodSync(folder, 0o755);
  useCompileCache(folder);
  useCompileCache(join(folder, "missing"));
  expect(nodeModule.getCompileCacheDir()).toBe(before);
});
