// The small remote provider under faults: it shows that the runner brings each fault about, whatever backends are here.

import { join } from "node:path";
import { startProxy } from "../proxy.ts";
import type { Spoil } from "../proxy.ts";
import type { BackendFault, FaultBench, FaultSubject, Injected } from "../subject.ts";
import { startKeyServer } from "./server.ts";
import type { Lie } from "./server.ts";

const spoils: Partial<Record<BackendFault, Spoil>> = {
  hang: { kind: "hang" },
  "slow answer": { kind: "slow", everyMs: 20 },
  reset: { kind: "reset", afterBytes: 30 },
  "truncated answer": { kind: "truncate", afterBytes: 120 },
};

async function start(): Promise<FaultBench> {
  const server = await startKeyServer();
  const proxy = await startProxy(server.port);
  // Its own name: several backends of this kind may stand behind one daemon.
  const variable = `REMOTE_TOKEN_${proxy.port}`;
  const providerAt = (host: string) => ({
    kind: "remote",
    module: "keybroker-test-remote",
    process: "daemon",
    url: `http://${host}:${proxy.port}`,
    token: `\${${variable}}`,
  });
  return {
    provider: providerAt("127.0.0.1"),
    providerAt,
    reference: { key: `master-${proxy.port}` },
    environment: {
      [variable]: server.token,
      NODE_OPTIONS: `--import=${join(import.meta.dirname, "hook.mjs")}`,
    },
    secrets: [server.token],
    inject(fault) {
      const spoil = spoils[fault];
      return Promise.resolve(spoil ? spoiled(spoil) : lied(fault as Lie));
    },
    calls: () => Promise.resolve({ ...server.counts }),
    dropConnections: () => Promise.resolve(proxy.drop()),
    async stop() {
      await proxy.close();
      await server.close();
    },
  };

  function spoiled(spoil: Spoil): Injected {
    proxy.play(spoil);
    return { hits: () => proxy.hits(), clear: () => Promise.resolve(proxy.play(undefined)) };
  }

  function lied(lie: Lie): Injected {
    server.lie = lie;
    const before = server.lies;
    return { hits: () => server.lies - before, clear: () => Promise.resolve(void (server.lie = undefined)) };
  }
}

export const subject: FaultSubject = {
  kind: "remote",
  exempt: { "child killed": "it runs in the daemon's own process" },
  start,
};
