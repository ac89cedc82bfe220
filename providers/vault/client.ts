// node-vault over our transport: it builds the requests, and what it would do beside that is out of its reach.

import nodeVault from "node-vault";
import { BrokerError } from "../../src/errors/index.ts";
import type { Answer, Transport } from "./transport.ts";

/** One call to the server. */
export interface Call {
  readonly method: "GET" | "POST";
  /** The path after `/v1/`; every segment of it has passed the settings' grammar. */
  readonly path: string;
  /** JSON; the caller owns and wipes it. */
  readonly body?: Uint8Array | undefined;
  /** The field of the answer that holds a secret. */
  readonly take?: "plaintext" | "client_token" | "id" | undefined;
  /** `sys/health` and its like are the root namespace's; every other call is the settings' namespace's. */
  readonly atRoot?: boolean;
  /** A login with a secret id that counts its uses is not sent twice. Other calls are. */
  readonly once?: boolean;
  readonly signal: AbortSignal;
}

/** Calls a server. */
export interface VaultClient {
  /** Answers whatever the status is; throws as the transport does. The token is the caller's to wipe. */
  send(call: Call, token?: Buffer): Promise<Answer>;
  close(): void;
}

/** What node-vault calls `request-promise`: it hands over its options and takes what looks like a response. */
interface Options extends Record<string, unknown> {
  readonly method: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly call: Call;
}

/**
 * Makes a client. node-vault takes endpoint, token, namespace and path prefix from VAULT_* variables where it was
 * given none, prints bodies under DEBUG, and follows redirects with its own HTTP client: it gets an endpoint, a debug
 * function that does nothing and our transport, and never sees a token.
 */
export function createClient(address: string, namespace: string | undefined, transport: Transport): VaultClient {
  const vault = nodeVault({
    endpoint: address,
    debug: () => {},
    "request-promise": { defaults: () => (options: Options) => pass(options, transport) },
  });
  Object.assign(vault, { token: "", namespace: "", pathPrefix: "" });
  return {
    async send(call, token) {
      const headers = headersOf(call, namespace, token);
      const options = { headers, call };
      const sent =
        call.method === "GET" ? vault.read(call.path, options) : vault.write(call.path, call.body ?? empty, options);
      return (await sent) as Answer;
    },
    close: () => transport.close(),
  };
}

const empty = Buffer.from("{}");

function headersOf({ atRoot }: Call, namespace: string | undefined, token: Buffer | undefined): Record<string, string> {
  return {
    // Agents and proxies of HashiCorp refuse requests without it: no web page can make them.
    "X-Vault-Request": "true",
    "Content-Type": "application/json",
    ...(namespace !== undefined && atRoot !== true && { "X-Vault-Namespace": namespace }),
    // Node takes header values as strings alone: this one lives as long as its request.
    ...(token && { "X-Vault-Token": token.toString("latin1") }),
  };
}

/** Every answer passes as a success: which failure it is, our own table says. */
async function pass(options: Options, transport: Transport): Promise<object> {
  const { method, uri, headers, json, call } = options;
  if (json !== undefined && !(json instanceof Uint8Array)) throw new BrokerError("INTERNAL", "a body must be bytes");
  const { signal, take, once } = call;
  const body = await transport.send({ method, uri, headers, json, take, signal, repeatable: once !== true });
  return { statusCode: 200, body, request: { path: "" } };
}
