import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import type { Client } from "../../src/client/index.ts";
import { daemonFolder, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";

const plaintext = Buffer.from("0123456789abcdef0123456789abcdef");
let folder: string;
let daemon: Daemon;
let client: Client;

const configuration = (more = "") => `
version: 1
realm: test
providers: { local: { kind: env, keys: { "1": "file:${join(folder, "key")}" } } }
keys: { db: { wrapTo: [{ provider: local }], context: { required: false } } }
listeners: { main: { unix: ${join(folder, "kb.sock")}, identity: backup } }
policy: [{ who: backup, may: [wrap, unwrap], keys: "*" }]
metrics: { listen: "127.0.0.1:0" }
${more}`;

beforeEach(async () => {
  folder = daemonFolder();
  writeFileSync(join(folder, "key"), createHash("sha256").update("reload").digest("base64"), { mode: 0o600 });
  daemon = await startDaemon({ folder, configuration: configuration(), socket: "kb.sock" });
  client = createClient({ address: daemon.address });
  await until("readiness", () => logged("ready") > 0 || undefined);
});
afterEach(async () => {
  client.close();
  await daemon.kill();
  rmSync(folder, { recursive: true, force: true });
});

const logged = (event: string) => daemon.stderr().split(`"event":"${event}"`).length - 1;

async function reload(text: string, event: string): Promise<void> {
  const before = logged(event);
  writeFileSync(join(folder, "keybroker.yaml"), text, { mode: 0o600 });
  daemon.signal("SIGHUP");
  await until(event, () => Promise.resolve(logged(event) > before || undefined));
}

describe("SIGHUP", () => {
  test("puts a new configuration in force, and keeps the last good one over a bad one", async () => {
    await reload(configuration("limits: { maxStreamsPerConnection: 64 }\n"), "configuration-loaded");
    await client.wrap({ key: "db", plaintext });
    await reload("version: 1\nrealm: [\n", "reload-failed");
    await client.wrap({ key: "db", plaintext });
    await reload(configuration().replace("[wrap, unwrap]", "unwrap"), "configuration-loaded");
    await expect(client.wrap({ key: "db", plaintext })).rejects.toMatchObject({ reason: "DENIED" });
    const monitoring = /"event":"monitoring","address":"([^"]+)"/.exec(daemon.stderr())![1]!;
    const metrics = await (await fetch(`http://${monitoring}/metrics`)).text();
    expect(metrics).toContain('keybroker_reloads_total{outcome="done"} 2');
    expect(metrics).toContain('keybroker_reloads_total{outcome="failed"} 1');
  });
});

describe("SIGTERM", () => {
  test("under load ends every call that was read with its answer", async () => {
    let answered = 0;
    const failures: string[] = [];
    const load = async () => {
      for (;;) {
        try {
          await client.wrap({ key: "db", plaintext }, { timeoutMs: 2_000 });
          answered++;
        } catch (error) {
          failures.push((error as { reason?: string }).reason ?? "transport");
          return;
        }
      }
    };
    const loads = Array.from({ length: 8 }, load);
    await until("load", () => Promise.resolve(answered > 100 || undefined));
    const startMs = performance.now();
    daemon.signal("SIGTERM");
    expect(await daemon.exited).toEqual({ status: 0, signal: null });
    // Far below drainTimeout: an idle Session stream of the client does not hold it up.
    expect(performance.now() - startMs).toBeLessThan(5_000);
    await Promise.all(loads);
    expect(failures.every((reason) => reason === "DRAINING" || reason === "transport")).toBe(true);
  });

  test("a second one ends the daemon at once", async () => {
    await reload(configuration("limits: { drainTimeout: 10m, idleTimeout: 10m }\n"), "configuration-loaded");
    const socket = (await import("node:http2")).connect("http://localhost", {
      createConnection: () => connectSocket(join(folder, "kb.sock")),
    });
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("remoteSettings", resolve));
    const request = socket.request({
      ":method": "POST",
      ":path": "/keybroker.v1.KeyService/Wrap",
      "content-type": "application/grpc",
    });
    request.on("error", () => undefined);
    // Half a message: the call never ends by itself.
    await new Promise<void>((resolve) => void request.write(Buffer.from([0, 0, 0, 1, 0, 1]), () => resolve()));
    await new Promise((resolve) => socket.ping(resolve));
    daemon.signal("SIGTERM");
    await until("draining", () => Promise.resolve(logged("draining") === 1 || undefined));
    expect(daemon.exit()).toBeUndefined();
    daemon.signal("SIGTERM");
    expect((await daemon.exited).status).toBe(1);
    socket.destroy();
  });
});
