// The one endpoint of a Kubernetes API server that Vault's Kubernetes login asks: TokenReview.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Asked {
  readonly token: string;
  readonly audiences?: readonly string[];
}

/** A made-up API server. */
export interface TokenReviewer {
  readonly address: string;
  /** A projected service account token; it is good until `revoke`. */
  issue(namespace: string, serviceAccount: string): string;
  revoke(token: string): void;
  /** Tokens that were asked about, in order. */
  readonly reviewed: readonly string[];
  close(): Promise<void>;
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Starts one on a free loopback port. It says yes to the tokens that it issued, whose signatures are made up. */
export async function startTokenReviewer(): Promise<TokenReviewer> {
  const good = new Map<string, string>();
  const reviewed: string[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const asked = JSON.parse(Buffer.concat(chunks).toString()) as { spec: Asked };
      const username = good.get(asked.spec.token);
      reviewed.push(asked.spec.token);
      const status = username
        ? {
            authenticated: true,
            audiences: asked.spec.audiences ?? [],
            user: { username, uid: `uid of ${username}`, groups: ["system:serviceaccounts"] },
          }
        : { authenticated: false, error: "token has expired" };
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reviewed,
    issue(namespace, serviceAccount) {
      const username = `system:serviceaccount:${namespace}:${serviceAccount}`;
      const nowS = Math.floor(Date.now() / 1_000);
      const claims = {
        iss: "https://kubernetes.default.svc",
        sub: username,
        aud: ["vault"],
        iat: nowS,
        nbf: nowS - 1,
        exp: nowS + 600,
        jti: String(++count),
        "kubernetes.io": { namespace, serviceaccount: { name: serviceAccount, uid: `uid of ${username}` } },
      };
      const token = `${base64url({ alg: "RS256", kid: "test" })}.${base64url(claims)}.${base64url("no signature")}`;
      good.set(token, username);
      return token;
    },
    revoke: (token) => void good.delete(token),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
