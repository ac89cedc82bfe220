// sops' key service with an age key, over a unix socket. It authenticates nobody and keeps no record.

import { join } from "node:path";
import { accepts } from "../../backends/daemon.ts";
import { run } from "../../backends/keybroker.ts";
import { until } from "../../backends/until.ts";
import type { PeerKind } from "./peer.ts";

export const sops: PeerKind = {
  name: "sops",
  description: "sops keyservice, age, no authentication, no record",
  async start({ path, folder, generator, launch }) {
    const identity = join(folder, "identity");
    const socket = join(folder, "sops.sock");
    const made = await run([generator, "-mode=age-identity", `-target=${identity}`], { env: {} });
    const env = { PATH: process.env["PATH"], HOME: folder, SOPS_AGE_KEY_FILE: identity };
    const child = launch([path, "keyservice", "--network", "unix", "--address", socket], env);
    await until("sops", async () => ((await accepts(socket)) ? true : undefined));
    return { process: child, load: ["-mode=sops", `-target=unix:${socket}`, `-key=${made.stdout.toString().trim()}`] };
  },
};
