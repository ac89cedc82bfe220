// OpenBao's transit engine on its development server, over loopback HTTP with a token and a file audit.

import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../backends/free-port.ts";
import { until } from "../../backends/until.ts";
import { post } from "./http.ts";
import type { PeerKind } from "./peer.ts";

const token = "bench";

export const bao: PeerKind = {
  name: "bao",
  description: "OpenBao transit, token, file audit, plain HTTP",
  async start({ path, folder, launch }) {
    const port = await freePort();
    const config = join(folder, "bao.hcl");
    // The API refuses audit devices: they stand in the configuration alone.
    writeFileSync(
      config,
      `audit "file" "bench" {\n  options {\n    file_path = "${join(folder, "audit.log")}"\n  }\n}\n`,
    );
    const flags = [
      "-dev",
      `-config=${config}`,
      `-dev-root-token-id=${token}`,
      `-dev-listen-address=127.0.0.1:${port}`,
      "-dev-no-store-token",
    ];
    const child = launch([path, "server", ...flags], { PATH: process.env["PATH"], HOME: folder });
    const base = `http://127.0.0.1:${port}/v1`;
    const headers = { "X-Vault-Token": token };
    const send = (what: string, body: unknown) => post(`${base}/${what}`, body, { headers });
    await until("OpenBao", () =>
      send("sys/mounts/transit", { type: "transit" }).then(
        () => true as const,
        () => child.exit() && Promise.reject(new Error(child.stderr())),
      ),
    );
    await send("transit/keys/bench", {});
    const plaintext = randomBytes(32).toString("base64");
    const { data } = (await send("transit/encrypt/bench", { plaintext })) as { data: { ciphertext: string } };
    const request = [
      `-target=${base}/transit/decrypt/bench`,
      `-body=${JSON.stringify({ ciphertext: data.ciphertext })}`,
    ];
    return {
      process: child,
      load: ["-mode=http", ...request, `-expect=${plaintext}`, `-header=X-Vault-Token: ${token}`],
    };
  },
};
