// The monitoring endpoint of the configuration in force.

import { isDeepStrictEqual } from "node:util";
import { openObservatory } from "../server/index.ts";
import type { Observatory, ObservatoryParts } from "../server/index.ts";
import type { Telemetry } from "../telemetry/index.ts";

type Address = { readonly host: string; readonly port: number };

/** The endpoint, or none. */
export interface Monitoring {
  /** Serves at this address, or nowhere; the old one is closed once the new one is open. Throws ListenError. */
  follow(address: Address | undefined): Promise<void>;
  address(): string | undefined;
  close(): Promise<void>;
}

/** None, until it follows an address. */
export function createMonitoring(telemetry: Telemetry, readiness: ObservatoryParts["readiness"]): Monitoring {
  let wanted: Address | undefined;
  let open: Observatory | undefined;
  return {
    async follow(address) {
      if (isDeepStrictEqual(address, wanted)) return;
      const next = address && (await openObservatory(address, { readiness, metrics: () => telemetry.scrape() }));
      if (next !== undefined) telemetry.watchEventLoop();
      await open?.close();
      wanted = address;
      open = next;
    },
    address: () => open?.address,
    close: async () => open?.close(),
  };
}
