// A daemon over backends of the fault subjects, for measuring.

import { rmSync } from "node:fs";
import { daemonFolder, startDaemon } from "../../backends/daemon.ts";
import type { Daemon } from "../../backends/daemon.ts";
import { until } from "../../backends/until.ts";
import { metricsOf, sumOf } from "../../faults/observed.ts";
import type { FaultBench } from "../../faults/subject.ts";

/** Backends by the names of their providers and keys. */
export type Benches = Readonly<Record<string, FaultBench>>;

/** A key's fields that send every call to its backend. */
const strict = { branchKey: { maxWraps: 1 }, unwrapCache: "none" };

/** Starts a daemon with a key for each backend, strict ones, and waits until every provider can wrap and unwrap. */
export async function serve(benches: Benches, env: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  const entries = Object.entries(benches);
  const configuration = JSON.stringify({
    version: 1,
    realm: "bench",
    providers: Object.fromEntries(entries.map(([name, { provider }]) => [name, provider])),
    keys: Object.fromEntries(
      entries.map(([name, { reference }]) => [name, { wrapTo: [{ provider: name, ...reference }], ...strict }]),
    ),
    listeners: { main: { unix: "keybroker.sock", identity: "bench" } },
    policy: [{ who: "bench", may: ["wrap", "unwrap"], keys: "*" }],
    metrics: { listen: "127.0.0.1:0" },
    limits: { callTimeout: "30s", providerTimeout: "20s" },
  });
  const own = Object.assign({}, ...entries.map(([, { environment }]) => environment)) as Record<string, string>;
  const folder = daemonFolder();
  const daemon = await startDaemon({ folder, configuration, socket: "keybroker.sock", env: { ...own, ...env } });
  await until("all providers", async () => {
    const metrics = await metricsOf(daemon);
    const ready = (provider: string, fact: string) => sumOf(metrics, `keybroker_provider_${fact}`, { provider }) === 1;
    return entries.every(([name]) => ready(name, "can_wrap") && ready(name, "can_unwrap")) ? true : undefined;
  });
  return daemon;
}

/** Ends a daemon and takes its folder away. */
export async function end(daemon: Daemon): Promise<void> {
  await daemon.stop();
  rmSync(daemon.folder, { recursive: true, force: true });
}
