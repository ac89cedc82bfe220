// What a hanging PKCS#11 library costs everyone else: the process that runs it is stopped, as by a call that does not
// return, while another provider's calls go on.

import { join } from "node:path";
import { createClient } from "../../../src/client/index.ts";
import type { Daemon } from "../../backends/daemon.ts";
import { until } from "../../backends/until.ts";
import { measureCommand } from "../load.ts";
import type { Sample } from "../load.ts";
import { descendants } from "../proc.ts";
import { end, serve } from "./serving.ts";
import type { Benches } from "./serving.ts";

/** The other provider's calls, and the event loop's longest delay, without a hang and during it. */
export interface Hang {
  readonly quiet: Moment;
  readonly hanging: Moment;
  /** Calls that hung meanwhile. */
  readonly hung: number;
}

interface Moment {
  readonly calls: Sample;
  readonly longestDelayMs: number;
}

const hung = 32;
const preload = join(import.meta.dirname, "event-loop.mjs");

/** Needs a bench called pkcs11 and one called env; the hang is so long. */
export async function measureHang(generator: string, { pkcs11, env }: Benches, hangMs: number): Promise<Hang> {
  const patient = { ...pkcs11!, provider: { ...pkcs11!.provider, killAfter: "1m" } };
  const daemon = await serve({ pkcs11: patient, env: env! }, { NODE_OPTIONS: `--import=${preload}` });
  const client = createClient({ address: daemon.address, maxAttempts: 1, timeoutMs: 60_000 });
  try {
    const { envelope } = await client.wrap({ key: "pkcs11", plaintext: new Uint8Array(32), context: { host: "db1" } });
    // The first second loads and compiles code.
    await moment(generator, daemon, 2_000);
    const quiet = await moment(generator, daemon, hangMs);
    const children = descendants(daemon.pid);
    if (children.length === 0) throw new Error("the daemon has no child process that could hang");
    for (const pid of children) process.kill(pid, "SIGSTOP");
    let answered = 0;
    const calls = Array.from({ length: hung }, () =>
      client.unwrap({ envelope, key: "pkcs11", context: { host: "db1" } }).finally(() => answered++),
    );
    const hanging = await moment(generator, daemon, hangMs);
    if (answered > 0) throw new Error(`${answered} calls did not hang`);
    for (const pid of children) process.kill(pid, "SIGCONT");
    await Promise.all(calls);
    return { quiet, hanging, hung };
  } finally {
    client.close();
    await end(daemon);
  }
}

async function moment(generator: string, daemon: Daemon, measuredMs: number): Promise<Moment> {
  const duration = { warmupMs: 200, measuredMs };
  await longestDelay(daemon);
  const flags = ["-mode=unary", `-target=${daemon.address}`, `-pid=${daemon.pid}`, "-in-flight=2", "-connections=2"];
  const calls = await measureCommand([generator, ...flags, "-key=env"], duration);
  return { calls, longestDelayMs: await longestDelay(daemon) };
}

/** Since it was last asked. */
async function longestDelay(daemon: Daemon): Promise<number> {
  const answers = () => [...daemon.stderr().matchAll(/^event-loop-delay-ms (.+)$/gm)].map(([, ms]) => Number(ms));
  const before = answers().length;
  daemon.signal("SIGUSR2");
  return await until("the event loop's delay", () => answers()[before]);
}
