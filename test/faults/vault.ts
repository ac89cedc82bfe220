// The vault provider under faults: a real OpenBao server behind a front that fails and lies as it is told, over TLS.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority } from "../backends/certificates.ts";
import { available } from "../backends/available.ts";
import { openbao, startOpenBao } from "../backends/openbao.ts";
import type { OpenBao } from "../backends/openbao.ts";
import { passTo, startFront } from "../fakes/vault/front.ts";
import type { Front, Play, Seen } from "../fakes/vault/front.ts";
import { backendHost } from "./subject.ts";
import type { BackendFault, FaultBench, FaultSubject, Injected } from "./subject.ts";

const policy = `path "transit/encrypt/kb" { capabilities = ["update"] }
path "transit/decrypt/kb" { capabilities = ["update"] }
path "transit/keys/kb" { capabilities = ["read"] }`;
const nothing = 'path "nothing" { capabilities = ["read"] }';

const answer = (status: number, words: string, headers: Record<string, string> = {}): Play => ({
  kind: "answer",
  reply: () => ({ status, headers: { "content-type": "application/json", ...headers }, body: { errors: [words] } }),
});

/** What another key would open: right in form, and of nobody's branch key. */
const anotherAnswer = () => ({ status: 200, body: { data: { plaintext: randomBytes(64).toString("base64") } } });

/** A character within the base64 of the ciphertext or the plaintext, for another one. */
const flip = (body: string) =>
  body.replace(
    /("(?:plaintext|ciphertext)":"(?:vault:v1:)?.{20})(.)/,
    (_, before: string, one: string) => before + (one === "A" ? "B" : "A"),
  );

const plays: Readonly<Partial<Record<BackendFault, Play>>> = {
  hang: { kind: "hang" },
  "slow answer": { kind: "slow", everyMs: 2 },
  reset: { kind: "reset" },
  throttling: answer(429, "rate limit quota exceeded", { "retry-after": "1" }),
  "server error": answer(500, "internal error"),
  "another key's answer": { kind: "answer", reply: (seen) => (isDecrypt(seen) ? anotherAnswer() : undefined) },
  "truncated answer": { kind: "spoil", spoil: (body) => body.slice(0, body.length >> 1) },
  "bit flip": { kind: "spoil", spoil: flip },
};

function isDecrypt({ path }: Seen): boolean {
  return path.includes("/decrypt/");
}

interface Parts {
  readonly bao: OpenBao;
  readonly front: Front;
}

/** Faults that are a state of the server: the statuses that tell it (0 for no answer), and how to bring it about. */
interface State {
  readonly statuses: readonly number[];
  begin(parts: Parts): Promise<() => Promise<unknown>>;
}

const states: Readonly<Partial<Record<BackendFault, State>>> = {
  "expired credentials": {
    statuses: [403],
    async begin({ bao, front }) {
      const token = front.seen.findLast(({ path }) => path.includes("/transit/"))?.headers["x-vault-token"];
      await bao.must("POST", "auth/token/revoke", { token });
      return () => Promise.resolve();
    },
  },
  "revoked permission": {
    statuses: [403],
    async begin({ bao }) {
      await bao.must("POST", "sys/policies/acl/broker", { policy: nothing });
      return () => bao.must("POST", "sys/policies/acl/broker", { policy });
    },
  },
  "disabled key": {
    statuses: [400],
    async begin({ bao }) {
      await bao.must("DELETE", "transit/keys/kb/soft-delete");
      return () => bao.must("POST", "transit/keys/kb/soft-delete-restore");
    },
  },
  "store deleted": { statuses: [0, 400, 404, 500, 501, 503], begin: ({ bao }) => bao.loseStore() },
};

async function inject(parts: Parts, fault: BackendFault): Promise<Injected> {
  const { front } = parts;
  const play = plays[fault];
  if (play) {
    front.play(play);
    return { hits: () => front.hits(), clear: () => Promise.resolve(front.play(undefined)) };
  }
  const state = states[fault];
  if (!state) throw new Error(`vault has no fault "${fault}"`);
  const failures = () =>
    ["encrypt", "decrypt", "keys"]
      .flatMap((operation) => state.statuses.map((status) => front.count(operation, status)))
      .reduce((sum, count) => sum + count, 0);
  const end = await state.begin(parts);
  const before = failures();
  return { hits: () => failures() - before, clear: async () => void (await end()) };
}

async function start(): Promise<FaultBench> {
  const folder = mkdtempSync(join(tmpdir(), "vault-faults-"));
  const authority = await createAuthority(folder, "vault");
  const names = [{ type: "ip", value: "127.0.0.1" } as const, { type: "dns", value: backendHost } as const];
  const bao = await startOpenBao(available(openbao)!);
  const front = await startFront(passTo(bao.address), await authority.issue("server", names));
  const { roleId, secretId } = await prepare(bao);
  const secretIdFile = join(folder, "secret-id");
  writeFileSync(secretIdFile, secretId, { mode: 0o600 });
  const providerAt = (host: string) => ({
    kind: "vault",
    address: `https://${host}:${front.port}`,
    ca: authority.ca,
    auth: { appRole: { roleId, secretId: `file:${secretIdFile}` } },
  });
  return {
    provider: providerAt("127.0.0.1"),
    reference: { key: "kb" },
    secrets: [secretId, bao.rootToken],
    providerAt,
    dropConnections: () => Promise.resolve(front.drop()),
    inject: (fault) => inject({ bao, front }, fault),
    calls: () => Promise.resolve({ wraps: front.count("encrypt", 200), unwraps: front.count("decrypt", 200) }),
    async stop() {
      await front.close();
      await bao.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The key, and a role that may use it and no more. */
async function prepare(bao: OpenBao): Promise<{ roleId: string; secretId: string }> {
  await bao.must("POST", "transit/keys/kb", {});
  await bao.must("POST", "sys/policies/acl/broker", { policy });
  await bao.must("POST", "sys/auth/approle", { type: "approle" });
  await bao.must("POST", "auth/approle/role/broker", { token_policies: ["broker"], token_ttl: "1h" });
  const { data: role } = await bao.must("GET", "auth/approle/role/broker/role-id");
  const { data: secret } = await bao.must("POST", "auth/approle/role/broker/secret-id", {});
  return { roleId: String(role["role_id"]), secretId: String(secret["secret_id"]) };
}

const noChecksum = "its answers carry no checksums: the cipher's tag and the broker's hash tell every change";

export const subject: FaultSubject = {
  kind: "vault",
  programs: [openbao],
  exempt: {
    "child killed": "its library runs inside the daemon: it has no child process",
    "wrong checksum": noChecksum,
    "missing checksum": noChecksum,
  },
  start,
};
