// TLS by files that change: authorities and client certificates are taken up without a restart.

import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSecureAgent } from "../../../../providers/vault/secure-agent.ts";
import { createTransport } from "../../../../providers/vault/transport.ts";
import { secret } from "../../../../src/provider/index.ts";
import { createAuthority } from "../../../backends/certificates.ts";
import type { Authority, CertificateFiles } from "../../../backends/certificates.ts";
import { startFront } from "../../../fakes/vault/front.ts";
import type { Front } from "../../../fakes/vault/front.ts";

const folder = mkdtempSync(join(tmpdir(), "vault-tls-"));
const ca = join(folder, "trusted.pem");
let ours: Authority;
let theirs: Authority;
let identity: CertificateFiles;
let front: Front;

beforeAll(async () => {
  ours = await createAuthority(folder, "ours");
  theirs = await createAuthority(folder, "theirs");
  identity = await ours.issue("broker", [{ type: "dns", value: "broker.example" }]);
  const server = await ours.issue("server", [{ type: "ip", value: "127.0.0.1" }]);
  front = await startFront(() => ({ status: 200, body: {} }), server);
});
afterAll(async () => {
  await front.close();
  rmSync(folder, { recursive: true });
});

/** At once, as whoever rotates certificates does. */
function trust({ ca: file }: Authority): void {
  cpSync(file, `${ca}.new`);
  renameSync(`${ca}.new`, ca);
}

describe("a connection", () => {
  const exchange = () => ({
    method: "GET",
    uri: `https://127.0.0.1:${front.port}/v1/sys/health`,
    headers: {},
    repeatable: true,
    signal: new AbortController().signal,
  });

  test("is made to a server of a trusted authority alone, as the file says now", async () => {
    const transport = createTransport(`https://127.0.0.1:${front.port}`, createSecureAgent({ ca }));
    trust(theirs);
    await expect(transport.send(exchange())).rejects.toMatchObject({
      reason: "PROVIDER_UNAVAILABLE",
      message: expect.stringContaining("unknown authority") as string,
    });
    trust(ours);
    expect(await transport.send(exchange())).toMatchObject({ status: 200 });
    trust(theirs);
    await expect(transport.send(exchange())).rejects.toMatchObject({ reason: "PROVIDER_UNAVAILABLE" });
    transport.close();
  });
});

describe("an agent", () => {
  const keyOf = (path: string) => secret().parse(`file:${path}`);

  test("is kept as long as its files are", () => {
    trust(ours);
    const agentOf = createSecureAgent({ ca, cert: identity.cert, key: keyOf(identity.key) });
    const first = agentOf();
    expect(agentOf()).toBe(first);
    trust(ours);
    expect(agentOf()).not.toBe(first);
  });

  test("waits for a file that is not there, and names it", () => {
    const agentOf = createSecureAgent({ ca: join(folder, "nowhere.pem") });
    expect(agentOf).toThrow(
      expect.objectContaining({
        reason: "PROVIDER_UNAVAILABLE",
        message: expect.stringContaining("nowhere.pem") as string,
      }),
    );
  });

  test("says which files make no identity, and nothing of what is in them", async () => {
    const other = await theirs.issue("other", [{ type: "dns", value: "other.example" }]);
    const agentOf = createSecureAgent({ cert: identity.cert, key: keyOf(other.key) });
    expect(agentOf).toThrow(
      expect.objectContaining({
        reason: "PROVIDER_UNAVAILABLE",
        message: expect.stringMatching(/broker\.crt.*other\.key/) as string,
      }),
    );
  });
});
