// The daemons that are compared: one build with more or less of identity, quota and audit.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { daemonFlags } from "../../../src/daemon/relaunch.ts";
import { createAuthority, type CertificateFiles } from "../../backends/certificates.ts";
import { daemonFolder, startDaemon } from "../../backends/daemon.ts";
import { freePort } from "../../backends/free-port.ts";
import type { Subject } from "../subjects.ts";

/** What a daemon does for each call beside opening the envelope. */
export interface Trust {
  readonly quota: boolean;
  readonly audit: "off" | "write" | "fsync";
}

/** A running daemon with both its listeners. */
export interface Server {
  readonly folder: string;
  readonly unix: Subject;
  readonly tls: Subject;
  /** Leaves the folder. */
  stop(): Promise<unknown>;
}

const quota = ["900000000/s", "900000000/h", "1000000 distinct/h"];

function configuration({ quota: counts, audit }: Trust, port: number, tls: CertificateFiles): string {
  const may = { may: ["wrap", "unwrap"], keys: "*", ...(counts && { quota }) };
  return JSON.stringify({
    version: 1,
    realm: "bench",
    providers: { local: { kind: "env", keys: { "1": "${BENCH_MASTER_KEY}" } } },
    keys: { default: { wrapTo: [{ provider: "local" }] } },
    listeners: {
      main: { unix: "keybroker.sock", identity: "local" },
      mesh: { tcp: `127.0.0.1:${port}`, tls },
    },
    identities: { remote: { listener: "mesh", ca: "ca.pem", spiffe: "spiffe://bench/load" } },
    policy: [{ who: ["local", "remote"], ...may }],
    // One part: what compressing it costs is no part of a call.
    audit: { folder: "audit", rotateAt: "64GiB", durability: audit === "off" ? "write" : audit },
    ...(counts && { store: { sqlite: "store.db" } }),
  });
}

/** Starts one. */
export async function startServer(trust: Trust): Promise<Server> {
  const folder = daemonFolder();
  const port = await freePort();
  const authority = await createAuthority(folder, "ca");
  const own = await authority.issue("server", [{ type: "ip", value: "127.0.0.1" }]);
  const load = await authority.issue("load", [{ type: "url", value: "spiffe://bench/load" }]);
  const child = join(import.meta.dirname, "serve-child.ts");
  const daemon = await startDaemon({
    folder,
    configuration: configuration(trust, port, own),
    socket: "keybroker.sock",
    env: { BENCH_MASTER_KEY: randomBytes(32).toString("base64"), BENCH_AUDIT: trust.audit },
    command: [process.execPath, ...daemonFlags, child],
  });
  const stop = () => daemon.stop();
  const { pid } = daemon;
  const flags = [`-ca=${authority.ca}`, `-cert=${load.cert}`, `-cert-key=${load.key}`];
  const tls = { pid, target: `127.0.0.1:${port}`, flags, stop };
  return { folder, unix: { pid, target: daemon.address, stop }, tls, stop };
}
