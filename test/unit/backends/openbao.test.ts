// A server of the tests that does not start leaves nothing behind.

import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { startOpenBao } from "../../backends/openbao.ts";

afterEach(() => vi.unstubAllEnvs());

test("the folder of an OpenBao that ends while it starts is gone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "openbao-start-"));
  const program = join(folder, "bao");
  writeFileSync(program, "#!/bin/sh\necho no storage >&2\nexit 1\n");
  chmodSync(program, 0o755);
  vi.stubEnv("TMPDIR", folder);
  await expect(startOpenBao(program)).rejects.toThrow("no storage");
  expect(readdirSync(folder)).toEqual(["bao"]);
  rmSync(folder, { recursive: true });
});
