// What crosses the pipe: calls with all they carry, settings, secrets, errors; and what does not.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openInChild, ownModule } from "../../../src/provider/child/index.ts";
import { provideVariable, secret } from "../../../src/provider/index.ts";
import type { Finding } from "../../../src/provider/index.ts";
import { readIfThere } from "../../backends/proc.ts";
import { binding, never, openFaulty, runs } from "./setting.ts";
import type { Setting } from "./setting.ts";

const pin = "canary-7c1f5e";
const folder = mkdtempSync(join(tmpdir(), "crossing-"));
const pinFile = join(folder, "pin");
const digest = createHash("sha256").update(pin).digest("hex");
let setting: Setting;

beforeAll(async () => {
  writeFileSync(pinFile, pin, { mode: 0o600 });
  provideVariable("CROSSING_PIN", Buffer.from(pin));
  process.env["CROSSING_OTHER"] = "not for children";
  const settings = {
    secret: secret().parse("${CROSSING_PIN}"),
    nested: { list: [{ secret: secret().parse(`file:${pinFile}`) }] },
    __proto__: null,
    left: undefined,
  };
  setting = await openFaulty({ settings, environment: { DEVICE_CONF: "/etc/device" } });
});

afterAll(async () => {
  await setting.end();
  rmSync(folder, { recursive: true });
});

async function examined(): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const finding of setting.provider.examine!([{ name: "a" }], never)) found.push(finding);
  return found;
}

describe("a master key", () => {
  test("is told with all that the child's says of itself", async () => {
    const key = await setting.key("told");
    expect(key).toMatchObject({ id: "told", wrapLimit: 1_000, unwrapOnly: [{ id: "told-old" }] });
    expect(key.protection).toBeUndefined();
    await key.probe(never);
    expect(key.protection).toEqual({ level: "software", authenticated: true });
  });

  test("wraps with the binding, and unwraps into memory of its own", async () => {
    const key = await setting.key("bound");
    const material = Buffer.alloc(64, 3);
    const { wrapped, scheme, version } = await key.wrap(material, binding, never);
    expect(version).toBe(`6 ${binding.bytes.toString()}`);
    expect(material).toEqual(Buffer.alloc(64, 3));
    const answer = await key.unwrap(wrapped, 2, binding, never);
    expect([scheme, answer.version, answer.rewrapDue, answer.material]).toEqual([1, "2", true, material]);
    expect(answer.material.buffer.byteLength).toBe(64);
  });

  test("lists, makes and changes versions", async () => {
    const key = await setting.key("versions");
    const [old, now] = await key.versions!(never);
    expect(old).toEqual({ version: "1", state: "disabled", createdAt: new Date(0) });
    expect(now).toEqual({ version: "2", state: "primary" });
    expect(await key.rotate!(never)).toBe("3");
    await key.setVersionState!("2", "disabled", never);
    expect(setting.states()).toBe("2 disabled\n");
    await expect(key.setVersionState!("9", "enabled", never)).rejects.toMatchObject({
      reason: "REQUEST_INVALID",
      message: "there is no version 9",
    });
  });

  test("fails as it failed there, but for what a message of others may quote", async () => {
    const refused: unknown = await (await setting.key("refuse")).probe(never).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: "the device is busy",
      retryAfterMs: 250,
      cause: { name: "Error", code: "CKR_DEVICE_ERROR", message: "thrown in the faulty provider's process" },
    });
    const unmapped = (await (await setting.key("unmapped")).probe(never).catch((error: unknown) => error)) as Error;
    expect(unmapped).toMatchObject({ name: "TypeError", code: "ERR_DEVICE" });
    expect(`${unmapped.message}${unmapped.stack}`).not.toContain("hunter2");
    expect(unmapped.stack).toContain("faulty-child.ts:");
  });

  test("is not asked when its call was aborted before", async () => {
    const key = await setting.key("honest");
    await expect(key.probe(AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
  });
});

describe("settings", () => {
  test("come with their secrets: a variable's bytes, and a file that the child reads itself", async () => {
    const findings = await examined();
    const [variable, file] = findings.slice(2);
    expect(variable).toMatchObject({ check: "variable CROSSING_PIN", detail: `${digest} "variable CROSSING_PIN"` });
    expect(file!.check).toBe(`file ${pinFile}`);
    expect(file!.detail).toContain(digest);
    writeFileSync(pinFile, "another", { mode: 0o600 });
    const changed = (await examined())[3]!;
    expect(changed.detail).toContain(createHash("sha256").update("another").digest("hex"));
  });

  test.each([
    ["a function", { work: () => 1 }, "work is a function"],
    ["an object of a class", { when: { at: new Date() } }, "when.at is an object of a class"],
    ["a number that is none", { count: NaN }, "count is a number"],
    ["a circle", circle(), "nested too deeply"],
  ])("with %s are refused by name", async (_, settings, message) => {
    const module = ownModule("providers/env/index");
    const opening = openInChild({ kind: "env", module, settings, killAfterMs: 1_000 });
    await expect(opening).rejects.toMatchObject({ reason: "REQUEST_INVALID" });
    await expect(opening).rejects.toThrow(message);
  });

  test("that are too large for the pipe are refused", async () => {
    const settings = { text: "x".repeat(1_100_000) };
    const opening = openInChild({
      kind: "env",
      module: ownModule("providers/env/index"),
      settings,
      killAfterMs: 1_000,
    });
    await expect(opening).rejects.toThrow("too large");
  });

  test("whose open fails make opening fail, and leave no process", async () => {
    const opening = openFaulty({ settings: { openFault: "throw" } });
    await expect(opening).rejects.toMatchObject({
      reason: "REQUEST_INVALID",
      message: "the settings cannot be right",
    });
  });
});

test("a module that is not there is told as such", async () => {
  const module = "no-such-module-anywhere";
  const opening = openInChild({ kind: "none", module, settings: {}, killAfterMs: 1_000 });
  await expect(opening).rejects.toMatchObject({ reason: "REQUEST_INVALID", message: /cannot be loaded/ });
});

test("an examination's findings come one by one, and references with them", async () => {
  const [environment, references] = await examined();
  expect(environment!.detail.split(" ").filter((name) => !["LANG", "PATH"].includes(name))).toEqual(["DEVICE_CONF"]);
  expect(references!.detail).toBe('[{"name":"a"}]');
});

test("an examination that nobody listens to any more ends", async () => {
  for await (const finding of setting.provider.examine!([], never)) {
    expect(finding.check).toBe("environment");
    break;
  }
  await (await setting.key("honest")).probe(never);
  expect(setting.starts()).toBe(1);
});

test("no secret is where others could see it: arguments, environment, open files", () => {
  expect(runs(setting.pid()!)).toBe(true);
  for (const file of ["cmdline", "environ"]) {
    const seen = readIfThere(`/proc/${setting.pid()}/${file}`).toString("latin1");
    expect(seen).not.toContain(pin);
    expect(seen).not.toContain("CROSSING");
  }
});

test("the provider's notices reach the daemon", () => {
  expect(setting.notices).toContainEqual({ topic: "backend", level: "warning", message: "the backend is old" });
});

function circle(): object {
  const one: { self?: object } = {};
  one.self = one;
  return one;
}
