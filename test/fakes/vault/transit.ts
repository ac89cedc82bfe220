// A transit engine in memory, as strict as the real one where the provider relies on it, for tests without a backend.

import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import type { Reply, Seen, Upstream } from "./front.ts";

/** A key of the made-up engine. */
interface FakeKey {
  type: string;
  readonly versions: { readonly key: Buffer; readonly createdAtS: number }[];
  minDecryption: number;
  /** Further fields of what reading the key answers. */
  readonly more: Readonly<Record<string, unknown>>;
}

/** A made-up server. */
export interface FakeVault {
  readonly upstream: Upstream;
  readonly keys: Map<string, FakeKey>;
  /** Tokens that are good now, each with what `lookup-self` answers of it. */
  readonly tokens: Map<string, Readonly<Record<string, unknown>>>;
  /** Secret ids that AppRole takes, each with the uses that are left. */
  readonly secretIds: Map<string, number>;
  /** Logins that were asked for. */
  logins: number;
  /** As Vault before 1.13. */
  ignoresAssociatedData: boolean;
  addKey(name: string, more?: Readonly<Record<string, unknown>>): FakeKey;
}

type Body = Readonly<Record<string, string | number>>;

const ok = (data: unknown): Reply => ({ status: 200, body: { request_id: randomUUID(), data } });
const fail = (status: number, ...errors: string[]): Reply => ({ status, body: { errors } });

/** Makes a server with an engine at `transit` and AppRole at `approle`. */
export function createFakeVault(): FakeVault {
  const vault: FakeVault = {
    keys: new Map(),
    tokens: new Map(),
    secretIds: new Map(),
    logins: 0,
    ignoresAssociatedData: false,
    addKey(name, more = {}) {
      const version = { key: randomBytes(32), createdAtS: 1_700_000_000 + vault.keys.size };
      const key = { type: "aes256-gcm96", versions: [version], minDecryption: 1, more };
      vault.keys.set(name, key);
      return key;
    },
    upstream(seen) {
      const reply = route(vault, seen);
      return { ...reply, headers: { "content-type": "application/json", date: new Date().toUTCString() } };
    },
  };
  return vault;
}

function route(vault: FakeVault, { method, path, headers, body: text }: Seen): Reply {
  const body = (text === "" ? {} : JSON.parse(text)) as Body;
  const [, version, ...rest] = path.split("/");
  if (version !== "v1") return fail(404);
  const what = rest.join("/");
  if (what === "sys/health") return { status: 200, body: { initialized: true, sealed: false, version: "2.7.2" } };
  if (what === "auth/approle/login") return logIn(vault, body);
  const token = String(headers["x-vault-token"]);
  const facts = vault.tokens.get(token);
  if (!facts) return fail(403, "permission denied");
  if (what === "auth/token/lookup-self") return ok({ id: token, ...facts });
  if (what === "auth/token/renew-self")
    return { status: 200, body: { auth: { client_token: token, lease_duration: 3_600, renewable: true } } };
  if (what === "auth/token/revoke-self") return vault.tokens.delete(token) ? { status: 204 } : fail(403);
  if (what === "sys/capabilities-self") return ok(capabilities(body));
  return transit(vault, method, rest, body);
}

function logIn(vault: FakeVault, { secret_id: secretId }: Body): Reply {
  vault.logins++;
  const uses = vault.secretIds.get(String(secretId)) ?? 0;
  if (uses < 1) return fail(400, "invalid role or secret ID");
  vault.secretIds.set(String(secretId), uses - 1);
  const token = `s.${randomBytes(12).toString("hex")}`;
  vault.tokens.set(token, { ttl: 3_600, creation_ttl: 3_600, renewable: true });
  return { status: 200, body: { auth: { client_token: token, lease_duration: 3_600, renewable: true } } };
}

function capabilities({ paths }: Readonly<Record<string, unknown>>): unknown {
  const granted = (path: string) => (path.includes("/keys/") ? ["read"] : ["update"]);
  return Object.fromEntries((paths as string[]).map((path) => [path, granted(path)]));
}

function transit(vault: FakeVault, method: string, path: readonly string[], body: Body): Reply {
  const [mount, operation = "", name = "", more] = path;
  if (mount !== "transit") return fail(404, `no handler for route "${path.join("/")}". route entry not found.`);
  const key = vault.keys.get(name);
  if (operation === "keys" && !key) return fail(404);
  // As a token with `create` meets it: the key comes to be.
  if (!key && operation === "encrypt") return encrypt(vault, vault.addKey(name), body);
  if (!key) return fail(400, "encryption key not found");
  if (operation === "encrypt") return encrypt(vault, key, body);
  if (operation === "decrypt") return decrypt(vault, key, body);
  if (method === "GET") return ok(read(name, key));
  if (more === "rotate") {
    key.versions.push({ key: randomBytes(32), createdAtS: 1_800_000_000 });
    return ok(null);
  }
  const minimum = Number(body["min_decryption_version"]);
  if (minimum > key.versions.length) return fail(400, `cannot set min decryption version of ${minimum}`);
  key.minDecryption = minimum;
  return ok(null);
}

function read(name: string, { type, versions, minDecryption, more }: FakeKey): unknown {
  const listed = versions.map(({ createdAtS }, index) => [index + 1, createdAtS] as const);
  const keys = Object.fromEntries(listed.filter(([version]) => version >= minDecryption));
  const latest = versions.length;
  return {
    name,
    type,
    keys,
    latest_version: latest,
    min_decryption_version: minDecryption,
    min_available_version: 0,
    ...more,
  };
}

function boundOf({ ignoresAssociatedData }: FakeVault, { associated_data: data }: Body): Buffer {
  return Buffer.from(ignoresAssociatedData ? "" : String(data ?? ""), "base64");
}

function encrypt(vault: FakeVault, key: FakeKey, body: Body): Reply {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key.versions.at(-1)!.key, nonce).setAAD(boundOf(vault, body));
  const sealed = cipher.update(Buffer.from(String(body["plaintext"]), "base64"));
  cipher.final();
  const blob = Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
  return ok({ ciphertext: `vault:v${key.versions.length}:${blob}`, key_version: key.versions.length });
}

function decrypt(vault: FakeVault, key: FakeKey, body: Body): Reply {
  const [, version = "", base64 = ""] = /^vault:v(\d+):(.*)$/.exec(String(body["ciphertext"])) ?? [];
  if (version === "") return fail(400, "invalid ciphertext: no prefix");
  if (Number(version) > key.versions.length) return fail(400, "invalid ciphertext: version is too new");
  if (Number(version) < key.minDecryption)
    return fail(400, "ciphertext or signature version is disallowed by policy (too old)");
  const blob = Buffer.from(base64, "base64");
  const used = key.versions[Number(version) - 1]!.key;
  const opening = createDecipheriv("aes-256-gcm", used, blob.subarray(0, 12), { authTagLength: 16 });
  opening.setAAD(boundOf(vault, body)).setAuthTag(blob.subarray(-16));
  const plaintext = opening.update(blob.subarray(12, -16));
  try {
    opening.final();
  } catch {
    return fail(400, "cipher: message authentication failed");
  }
  return ok({ plaintext: plaintext.toString("base64") });
}
