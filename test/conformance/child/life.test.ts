// From the start to the end: degraded starts, master keys over a restart, closing, and the daemon's own death.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { until } from "../../backends/until.ts";
import { binding, never, openFaulty, runs } from "./setting.ts";
import type { Setting } from "./setting.ts";

const folder = mkdtempSync(join(tmpdir(), "life-"));
let setting: Setting | undefined;

afterEach(async () => {
  await setting?.end();
  setting = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

const gone = (pid: number) => until("the child's end", () => (runs(pid) ? undefined : true));

describe("a start", () => {
  test("in which the child ends is no failure: the provider is there and heals by itself", async () => {
    const fault = join(folder, "fault");
    writeFileSync(fault, "");
    setting = await openFaulty({ settings: { openFault: fault } });
    await expect(setting.key("honest")).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: /status 6/ });
    rmSync(fault);
    await setting.restarted(0);
    await (await setting.key("honest")).probe(never);
  });

  test("that blocks is given up after its time", async () => {
    setting = await openFaulty({ settings: { openFault: "block" }, times: { startMs: 1_500, firstDelayMs: 60_000 } });
    const message = /it did not open the provider in time/;
    await expect(setting.key("honest")).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message });
    await gone(setting.pid()!);
  });

  test("that takes long holds nobody up, and can be closed", async () => {
    setting = await openFaulty({ settings: { openFault: "block" }, times: { openedMs: 300, startMs: 60_000 } });
    const pid = await until("the child", () => setting!.pid());
    const call = setting.key("honest");
    await Promise.all([expect(call).rejects.toThrow("is closed"), setting.provider.close()]);
    await gone(pid);
  });

  test("under way is awaited by calls, within their time", async () => {
    setting = await openFaulty();
    const key = await setting.key("honest");
    process.kill(setting.pid()!, "SIGKILL");
    await until("the death to be seen", () =>
      key.probe(never).then(
        () => undefined,
        () => true,
      ),
    );
    await setting.restarted(1);
    await key.probe(never);
  });

  test("is told to an examination as a finding", async () => {
    setting = await openFaulty({ settings: { openFault: "exit" }, times: { firstDelayMs: 60_000 } });
    for await (const finding of setting.provider.examine!([], never)) {
      expect(finding).toMatchObject({ check: "provider process", outcome: "bad", detail: /status 5/ });
    }
    expect.assertions(1);
  });
});

test("a daemon without a descriptor to spare goes on, and starts the child once it has some", async () => {
  const script = join(import.meta.dirname, "descriptors-child.ts");
  const command = 'ulimit -n 100; exec "$0" "$1" "$2"';
  const daemon = spawn("sh", ["-c", command, process.execPath, script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = text(daemon.stdout);
  expect(await once(daemon, "exit")).toEqual([0, null]);
  expect(await said).toMatch(/^PROVIDER_UNAVAILABLE .*could not be started \(EMFILE\).*\nserved\n$/);
});

describe("a master key over a restart", () => {
  test("is asked for anew, once for all calls that wait for it", async () => {
    setting = await openFaulty();
    const key = await setting.key("honest");
    const [retired] = key.unwrapOnly!;
    process.kill(setting.pid()!, "SIGKILL");
    await setting.restarted(1);
    const calls = Array.from({ length: 10 }, () => key.wrap(Buffer.alloc(64), binding, never));
    const { wrapped } = (await Promise.all(calls))[0]!;
    expect((await retired!.unwrap(wrapped, 1, binding, never)).material).toEqual(Buffer.alloc(64));
  });

  test("that is another one afterwards is not taken for it", async () => {
    const idFile = join(folder, "id");
    writeFileSync(idFile, "first", { mode: 0o600 });
    setting = await openFaulty({ settings: { idFile } });
    const key = await setting.key("honest");
    writeFileSync(idFile, "second", { mode: 0o600 });
    await key.probe(never);
    process.kill(setting.pid()!, "SIGKILL");
    await setting.restarted(1);
    await expect(key.probe(never)).rejects.toMatchObject({ reason: "INTERNAL", message: /names another master key/ });
    expect((await setting.key("honest")).id).toBe("second");
  });
});

describe("closing", () => {
  test("ends the child and its calls, and may be done twice; calls after it fail", async () => {
    setting = await openFaulty();
    const key = await setting.key("never");
    const pid = setting.pid()!;
    const call = key.probe(never);
    await until("the call to be under way", () => true);
    await Promise.all([setting.provider.close(), expect(call).rejects.toThrow("is closed")]);
    expect(runs(pid)).toBe(false);
    await setting.provider.close();
    await expect(key.probe(never)).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE", message: /is closed/ });
    await expect(setting.key("honest")).rejects.toThrow("is closed");
  });

  test("ends a blocked child in its time", async () => {
    setting = await openFaulty({ times: { closeMs: 200 } });
    const pid = setting.pid()!;
    const call = (await setting.key("block")).probe(never);
    call.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const startedAt = performance.now();
    await setting.provider.close();
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(runs(pid)).toBe(false);
  });

  test("while the child waits to be started again starts none", async () => {
    setting = await openFaulty({ times: { firstDelayMs: 50 } });
    const key = await setting.key("exit");
    await key.probe(never).catch(() => undefined);
    await setting.provider.close();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(setting.starts()).toBe(1);
  });
});

test("what a service manager or a terminal sends to the group does not end the child", async () => {
  setting = await openFaulty();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"]) process.kill(setting.pid()!, signal);
  await (await setting.key("honest")).probe(never);
  expect(setting.starts()).toBe(1);
});

test("the child has no file or socket of the daemon's but its pipe", async () => {
  setting = await openFaulty();
  const descriptors = `/proc/${setting.pid()}/fd`;
  const targets = readdirSync(descriptors).map((one) => {
    try {
      return readlinkSync(join(descriptors, one));
    } catch {
      return "";
    }
  });
  const sockets = targets.filter((target) => target.startsWith("socket:"));
  // The pipe, and standard error.
  expect(sockets.length).toBeLessThanOrEqual(2);
  expect(targets.filter((target) => target.startsWith("/") && !target.startsWith("/dev/"))).toEqual([]);
});

describe.each(["kernel", "thread"])("the daemon's death, seen by the %s", (leash) => {
  test.each(["idle", "blocked"])("ends a child that is %s", async (state) => {
    const script = join(import.meta.dirname, "orphan-child.ts");
    const parent = spawn(process.execPath, [script, leash, state, folder], { stdio: ["ignore", "pipe", "inherit"] });
    const [said] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(said.toString());
    expect(runs(pid)).toBe(true);
    parent.kill("SIGKILL");
    await gone(pid);
  });
});
