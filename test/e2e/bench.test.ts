// The bench works: its figures are not judged here.

import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../backends/available.ts";
import { buildGo } from "../backends/go-module.ts";
import { run } from "../backends/keybroker.ts";

test.skipIf(!buildGo("load"))("the bench's short mode prints every row", async () => {
  const script = join(root, "test/bench/bench.ts");
  const { status, stdout, stderr } = await run([process.execPath, script, "--short"], { env: process.env, cwd: root });
  expect(status, stderr).toBe(0);
  // Peers that this machine has on its PATH come after that.
  const rows = stdout
    .toString()
    .split("\nmemory idle")[0]!
    .split("\n")
    .filter((line) => line.startsWith("| "));
  // The head, three rows of unary calls, the client library, three of Session, and Batch.
  expect(rows).toHaveLength(9);
  for (const row of rows.slice(1)) expect(row).toMatch(/ \d+\.\dk \|/);
  expect(stdout.toString()).toMatch(/start to first unwrap \d+ ms/);
});

test.skipIf(!buildGo("load"))("its table of providers has every row for what is here", async () => {
  const script = join(root, "test/bench/bench.ts");
  const env = { ...process.env, KEYBROKER_FAULTS: "env,pkcs11" };
  const { status, stdout, stderr } = await run([process.execPath, script, "--providers", "--short"], {
    env,
    cwd: root,
  });
  expect(status, stderr).toBe(0);
  const text = stdout.toString();
  // A laptop without SoftHSM says so.
  if (!text.includes("not here: pkcs11")) expect(text).toMatch(/\| SoftHSM, strict, 32 in flight \| \d+ unwraps\/s/);
  for (const row of ["idle memory with env", "start to first unwrap", "env alone: idle memory"])
    expect(text).toContain(row);
});

test.skipIf(!buildGo("load")).each([
  ["--trust", [/Session, frames of 8, fsync \| \d+/, /Batch of 100, mTLS \| \d+/, /\d+ audit records of \d+ bytes/]],
  ["--policy", [/unary, 32 in flight: ops\/s \| \d+/, /one decision, ns, at random \| \d+/]],
])("its tables of %s have every row", async (option, expected) => {
  const script = join(root, "test/bench/bench.ts");
  const { status, stdout, stderr } = await run([process.execPath, script, option, "--short"], {
    env: process.env,
    cwd: root,
  });
  expect(status, stderr).toBe(0);
  for (const row of expected) expect(stdout.toString()).toMatch(row);
});
