// Service accounts of the fake: their keys as Google writes them to a file, the tokens they sign, what they may do.

import { createVerify, generateKeyPairSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { denied, unauthenticated } from "./refusal.ts";

/** A token that its account signed is for an audience or has a scope. */
const audience = "https://cloudkms.googleapis.com/";
const scopes = ["https://www.googleapis.com/auth/cloudkms", "https://www.googleapis.com/auth/cloud-platform"];
/** Google takes tokens from clocks that are so far ahead. */
const skewSeconds = 300;

/** A service account. */
export interface Account {
  readonly email: string;
  /** Text that nothing may show: the private key, in the forms that it is known in. */
  readonly secrets: readonly string[];
  /** Writes the key's JSON and answers its path. */
  write(path: string): string;
  /** An access token, as Google's token services hand them out. */
  token(lifeMs: number): string;
  /** Takes a permission away; what it answers gives it back. */
  deny(permission: string): () => void;
  /** Its keys are not accepted any more; what it answers takes that back. */
  revoke(): () => void;
}

interface Known {
  readonly email: string;
  readonly publicKey: KeyObject;
  readonly denied: Set<string>;
  revoked: boolean;
}

/** All accounts of a fake. */
export interface Accounts {
  create(email: string): Account;
  /** Who calls, by the call's `authorization` header. Throws UNAUTHENTICATED. */
  authenticate(header: string | undefined, nowMs: number): Caller;
}

/** A caller that was identified. */
export interface Caller {
  may(permission: string): boolean;
  /** Throws PERMISSION_DENIED. */
  require(permission: string, resource: string): void;
}

/** Who an access token is of, and until when. */
interface Issued {
  readonly account: Known;
  readonly endsAtMs: number;
}

export function createAccounts(): Accounts {
  const known = new Map<string, Known>();
  const issued = new Map<string, Issued>();
  const ownerOf = (token: string, nowMs: number) => {
    const { account, endsAtMs = 0 } = issued.get(token) ?? {};
    return endsAtMs > nowMs ? account : verify(token, known, nowMs / 1_000);
  };
  return {
    create(email) {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
      const keyId = publicKey.export({ type: "spki", format: "der" }).subarray(-40).toString("hex").slice(0, 40);
      const account: Known = { email, publicKey, denied: new Set(), revoked: false };
      known.set(keyId, account);
      const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
      return accountOf(account, keyId, pem, issued);
    },
    authenticate(header, nowMs) {
      const account = header?.startsWith("Bearer ") ? ownerOf(header.slice(7), nowMs) : undefined;
      if (!account || account.revoked) throw unauthenticated();
      const may = (permission: string) => !account.denied.has(permission);
      return {
        may,
        require(permission, resource) {
          if (!may(permission)) throw denied(permission, resource);
        },
      };
    },
  };
}

function accountOf(account: Known, keyId: string, pem: string, issued: Map<string, Issued>): Account {
  const json = {
    type: "service_account",
    project_id: "keybroker-test",
    private_key_id: keyId,
    private_key: pem,
    client_email: account.email,
    client_id: "100000000000000000001",
    auth_uri: "https://accounts.google.com/o/oauth2/auth",
    token_uri: "https://oauth2.googleapis.com/token",
    universe_domain: "googleapis.com",
  };
  return {
    email: account.email,
    secrets: [pem, pem.split("\n")[5]!, pem.split("\n")[10]!],
    write(path) {
      writeFileSync(path, JSON.stringify(json, undefined, 2), { mode: 0o600 });
      return path;
    },
    token(lifeMs) {
      const token = `ya29.${randomBytes(40).toString("base64url")}`;
      issued.set(token, { account, endsAtMs: Date.now() + lifeMs });
      return token;
    },
    deny(permission) {
      account.denied.add(permission);
      return () => void account.denied.delete(permission);
    },
    revoke() {
      account.revoked = true;
      return () => void (account.revoked = false);
    },
  };
}

interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string;
  readonly scope?: string;
  readonly iat?: number;
  readonly exp?: number;
}

/** Whose token this is, if it is one that Cloud KMS takes: signed by the account itself, for Cloud KMS, for an hour. */
function verify(token: string, known: ReadonlyMap<string, Known>, now: number): Known | undefined {
  const [head, body, signature, ...more] = token.split(".");
  if (!head || !body || !signature || more.length > 0) return undefined;
  const { alg, kid } = parse(head) as { alg?: string; kid?: string };
  const account = known.get(kid ?? "");
  if (alg !== "RS256" || !account) return undefined;
  const signed = createVerify("sha256").update(`${head}.${body}`);
  if (!signed.verify(account.publicKey, signature, "base64url")) return undefined;
  const { iss, sub, aud, scope = "", iat = Infinity, exp = 0 } = parse(body) as Claims;
  const ours =
    iss === account.email &&
    sub === account.email &&
    (aud === audience || scope.split(" ").some((one) => scopes.includes(one)));
  const timely = iat <= now + skewSeconds && exp > now && exp - iat <= 3_600;
  return ours && timely ? account : undefined;
}

function parse(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString()) as unknown;
  } catch {
    return {};
  }
}
