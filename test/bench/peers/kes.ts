// MinIO KES over mutual TLS, with a key in a folder. It records no decryption.

import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority } from "../../backends/certificates.ts";
import { freePort } from "../../backends/free-port.ts";
import { until } from "../../backends/until.ts";
import { post } from "./http.ts";
import type { PeerKind } from "./peer.ts";

/** KES knows a caller by the hash of its public key. */
function identityOf(certificateFile: string): string {
  const { publicKey } = new X509Certificate(readFileSync(certificateFile));
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

export const kes: PeerKind = {
  name: "kes",
  description: "KES, mutual TLS, HTTP/2, key in a folder, no record",
  async start({ path, folder, launch }) {
    const port = await freePort();
    const authority = await createAuthority(folder, "ca");
    const server = await authority.issue("server", [{ type: "ip", value: "127.0.0.1" }]);
    const client = await authority.issue("client", [{ type: "dns", value: "bench" }]);
    mkdirSync(join(folder, "keys"));
    const configuration = `address: 127.0.0.1:${port}
admin: { identity: disabled }
tls: { key: ${server.key}, cert: ${server.cert} }
policy:
  bench: { allow: ["/v1/key/*"], identities: ["${identityOf(client.cert)}"] }
keystore: { fs: { path: ${join(folder, "keys")} } }
log: { error: "off", audit: "off" }
`;
    writeFileSync(join(folder, "kes.yaml"), configuration);
    const child = launch([path, "server", "--config", join(folder, "kes.yaml"), "--auth", "off"], {
      PATH: process.env["PATH"],
      HOME: folder,
    });
    const key = `https://127.0.0.1:${port}/v1/key`;
    const [ca, cert, keyPem] = [authority.ca, client.cert, client.key].map((file) => readFileSync(file));
    const send = (what: string, body: unknown) => post(`${key}/${what}/bench`, body, { ca, cert, key: keyPem });
    await until("KES", () =>
      send("create", {}).then(
        () => true as const,
        () => child.exit() && Promise.reject(new Error(child.stderr())),
      ),
    );
    const plaintext = randomBytes(32).toString("base64");
    const { ciphertext } = await send("encrypt", { plaintext });
    const tls = [`-ca=${authority.ca}`, `-cert=${client.cert}`, `-cert-key=${client.key}`];
    const request = [`-target=${key}/decrypt/bench`, `-body=${JSON.stringify({ ciphertext })}`];
    return { process: child, load: ["-mode=http", ...request, `-expect=${plaintext}`, ...tls] };
  },
};
