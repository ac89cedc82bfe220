// Other key services that are on PATH, measured in the same run as the daemon.

import { rmSync } from "node:fs";
import { onPath } from "../../backends/available.ts";
import { daemonFolder } from "../../backends/daemon.ts";
import { startChild, type Child } from "../../backends/process.ts";
import { measureCommand, type Duration, type Sample } from "../load.ts";
import { memoryMb } from "../proc.ts";
import { bao } from "./bao.ts";
import { kes } from "./kes.ts";
import type { Launch, PeerKind } from "./peer.ts";
import { sops } from "./sops.ts";

const kinds: readonly PeerKind[] = [kes, sops, bao];

/** A peer's figures, with one call and with 32 in flight. */
export interface PeerSamples {
  readonly description: string;
  readonly one: Sample;
  readonly many: Sample;
  readonly loadedMb: number;
}

async function measurePeer(kind: PeerKind, path: string, generator: string, duration: Duration): Promise<PeerSamples> {
  const folder = daemonFolder();
  const launched: Child[] = [];
  const launch: Launch = (command, env) => {
    const child = startChild(command, { env, cwd: folder });
    launched.push(child);
    return child;
  };
  try {
    const { process, load } = await kind.start({ path, folder, generator, launch });
    const measure = (...flags: string[]) =>
      measureCommand([generator, ...load, `-pid=${process.pid}`, ...flags], duration);
    const one = await measure("-in-flight=1");
    const many = await measure("-in-flight=32", `-connections=${kind === sops ? 4 : 1}`);
    return { description: kind.description, one, many, loadedMb: memoryMb(process.pid, "VmRSS") };
  } finally {
    for (const child of launched) child.signal("SIGKILL");
    await Promise.all(launched.map((child) => child.exited));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Measures each peer that is there, and says which are not. One that does not start is said, and does not end the run. */
export async function measurePeers(generator: string, duration: Duration): Promise<PeerSamples[]> {
  const measured: PeerSamples[] = [];
  for (const kind of kinds) {
    const path = onPath(kind.name);
    if (!path) {
      console.log(`${kind.name}: not on PATH, not measured`);
      continue;
    }
    await measurePeer(kind, path, generator, duration).then(
      (samples) => measured.push(samples),
      (error: unknown) => console.log(`${kind.name}: not measured: ${String(error)}`),
    );
  }
  return measured;
}
