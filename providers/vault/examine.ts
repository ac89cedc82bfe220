// What `keybroker doctor` asks of a Vault server: is it there, does it know us, may we do what calls will do.

import { isBrokerError } from "../../src/errors/index.ts";
import type { Finding } from "../../src/provider/index.ts";
import { meaningOf } from "./errors.ts";
import type { VaultClient } from "./client.ts";
import type { Life } from "./life.ts";
import type { Login } from "./logins.ts";
import type { Session } from "./session.ts";
import type { VaultReference, VaultSettings } from "./settings.ts";
import { createTransitKey } from "./transit-key.ts";
import type { KeyFacts } from "./transit-key.ts";
import type { Answer } from "./transport.ts";

/** What there is to look at. */
export interface Examined {
  readonly settings: VaultSettings;
  readonly client: VaultClient;
  readonly session: Session;
  readonly login: Login;
}

/** Clocks further apart than this fail certificates and logins, in milliseconds. */
const clockLimitMs = 60_000;

/** Looks at everything in order, and stops where the rest could only fail for the same cause. */
export async function* examine(
  examined: Examined,
  references: readonly VaultReference[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const health = await healthOf(examined.client, signal);
  yield* health.findings;
  if (!health.isUsable) return;
  const credentials = await credentialsOf(examined, signal);
  yield* credentials.findings;
  if (!credentials.isUsable) return;
  for (const { key } of references) {
    yield* permissionsOf(examined, key, signal);
    yield* keyOf(examined, key, signal);
  }
}

interface Looked {
  readonly findings: readonly Finding[];
  readonly isUsable: boolean;
}

async function healthOf(client: VaultClient, signal: AbortSignal): Promise<Looked> {
  let answer: Answer;
  try {
    answer = await client.send({ method: "GET", path: "sys/health", atRoot: true, signal });
  } catch (error) {
    return {
      findings: [bad("reachability", error, "bring the server up, or correct address and ca")],
      isUsable: false,
    };
  }
  const state = stateOf(answer);
  return { findings: [state, ...clockOf(answer)], isUsable: state.outcome === "good" };
}

/** The health endpoint's own meaning of statuses: 429 there is a standby, not a limit of rate. */
function stateOf({ status, json }: Answer): Finding {
  const check = "server";
  const { version } = (json ?? {}) as { version?: unknown };
  const named = typeof version === "string" ? `version ${version}` : "a version that it does not tell";
  // Vault 1.13 was the first to know associated_data; OpenBao began at 2.
  if (/^(0|1\.([0-9]|1[0-2])\.)/.test(String(version)))
    return wrong(check, `${named} ignores associated_data`, "upgrade to OpenBao, or to Vault 1.13 or newer");
  if (status === 200) return { check, outcome: "good", detail: `reachable and unsealed, ${named}` };
  if (status === 429 || status === 472 || status === 473)
    return {
      check,
      outcome: "good",
      detail: `a standby, which answers as long as it forwards to the active node; ${named}`,
    };
  if (status === 501) return wrong(check, "the server is not initialised", "bao operator init");
  if (status === 503) return wrong(check, "the server is sealed", "bao operator unseal");
  if (status >= 300 && status < 400)
    return wrong(check, "the server redirects", "set address to the active node or its load balancer");
  return wrong(check, `sys/health answers HTTP ${status}`, "see that address names a Vault or OpenBao server");
}

function clockOf({ headers }: Answer): readonly Finding[] {
  const serverMs = Date.parse(headers.date ?? "");
  if (Number.isNaN(serverMs)) return [];
  const apartMs = Math.abs(Date.now() - serverMs);
  const seconds = Math.round(apartMs / 1_000);
  if (apartMs <= clockLimitMs) return [{ check: "clock", outcome: "good", detail: `${seconds} s from the server's` }];
  return [
    wrong("clock", `${seconds} s from the server's`, "set both clocks by NTP: logins and certificates depend on them"),
  ];
}

async function credentialsOf({ session, login }: Examined, signal: AbortSignal): Promise<Looked> {
  const check = "credentials";
  try {
    const life = await session.life(signal);
    const looked = await session.send({ method: "GET", path: "auth/token/lookup-self", take: "id", signal });
    looked.taken?.fill(0);
    // A token without the default policy may not look itself up; its permissions are asked for by name below.
    return { findings: [lifeFinding(check, login, life, looked.status)], isUsable: true };
  } catch (error) {
    return { findings: [bad(check, error, login.remedy)], isUsable: false };
  }
}

function lifeFinding(check: string, { name, remedy, makesTokens }: Login, life: Life, status: number): Finding {
  if (status === 403 && !makesTokens)
    return wrong(
      check,
      `${name}: the server denies that it looks itself up: it has ended, or lacks the default policy`,
      remedy,
    );
  if (life.expiresAtMs === undefined && status === 200)
    return wrong(
      check,
      `${name}: a token that never ends, as root tokens are`,
      "use a token of the policy in providers/vault/README.md",
    );
  const ends = life.endsAtMs === undefined ? "is renewed in time" : `ends for good in ${minutesTo(life.endsAtMs)} min`;
  return { check, outcome: "good", detail: `${name}: the token ${ends}` };
}

async function* permissionsOf(
  { settings, session }: Examined,
  key: string,
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const { mount } = settings;
  const needs = {
    [`${mount}/encrypt/${key}`]: "update",
    [`${mount}/decrypt/${key}`]: "update",
    [`${mount}/keys/${key}`]: "read",
  };
  const path = "sys/capabilities-self";
  const body = Buffer.from(JSON.stringify({ paths: Object.keys(needs) }));
  const answer = await session.send({ method: "POST", path, body, signal }).catch(() => undefined);
  const granted = answer?.status === 200 ? capabilitiesOf(answer.json) : undefined;
  if (!granted) {
    yield {
      check: "permissions",
      outcome: "note",
      detail: `${path} does not answer, so permissions show in the round trip alone`,
    };
    return;
  }
  for (const [wanted, capability] of Object.entries(needs))
    yield permissionFinding(wanted, capability, granted[wanted] ?? []);
}

type Capabilities = Readonly<Record<string, readonly string[]>>;

function capabilitiesOf(json: unknown): Capabilities | undefined {
  return (json as { data?: Capabilities } | undefined)?.data;
}

function permissionFinding(path: string, capability: string, granted: readonly string[]): Finding {
  const check = `permission for ${path}`;
  const rule = ruleFor(path, capability);
  if (!granted.includes(capability) && !granted.includes("root"))
    return wrong(check, `${capability} is not allowed (${granted.join(", ")})`, `add to the policy: ${rule}`);
  if (granted.some((one) => one === "root" || one === "create" || one === "sudo" || one === "delete"))
    return wrong(check, `more is allowed than is needed (${granted.join(", ")})`, `allow no more than: ${rule}`);
  return { check, outcome: "good", detail: `${capability} is allowed` };
}

function ruleFor(path: string, capability: string): string {
  return `path "${path}" { capabilities = ["${capability}"] }`;
}

/** A new key under the name of a deleted one opens none of its envelopes: making one comes last. */
function keyFix(error: unknown, mount: string, name: string): string {
  const path = `${mount}/keys/${name}`;
  const meaning = meaningOf(error);
  if (meaning === 403) return `add to the policy: ${ruleFor(path, "read")}`;
  if (meaning === "soft-deleted") return `bao write -f ${path}/soft-delete-restore`;
  const restore = `bao write ${mount}/restore/${name} backup=@FILE`;
  if (meaning === 400 || meaning === 404)
    return `correct key and mount; when the key was deleted, restore its backup: ${restore}; only when it never existed, make it: bao write -f ${path} type=aes256-gcm96`;
  if (isBrokerError(error) && error.reason === "KEY_DISABLED") return "do what it says, or correct key and mount";
  return "see the server's state and log, and try again";
}

async function* keyOf({ settings, session }: Examined, name: string, signal: AbortSignal): AsyncIterable<Finding> {
  const key = createTransitKey(session, settings.mount, name);
  const check = `key ${key.path}`;
  let facts: KeyFacts;
  try {
    facts = await key.read(signal);
  } catch (error) {
    yield bad(check, error, keyFix(error, settings.mount, name));
    return;
  }
  yield {
    check,
    outcome: "good",
    detail: `${facts.type}, version ${facts.latest}, unwrapping from version ${facts.minDecryption}`,
  };
  if (facts.exportable || facts.plaintextBackup)
    yield wrong(
      check,
      "the key may leave the server, for good (exportable or allow_plaintext_backup)",
      "make a new key without these, and rewrap",
    );
  if (facts.deletionAllowed)
    yield wrong(
      check,
      "the key may be deleted, and every envelope with it",
      `bao write ${key.path}/config deletion_allowed=false`,
    );
}

function minutesTo(timeMs: number): number {
  return Math.max(0, Math.round((timeMs - performance.now()) / 60_000));
}

function wrong(check: string, detail: string, fix: string): Finding {
  return { check, outcome: "bad", detail, fix };
}

/** A BrokerError's message names no secret; of any other error only its kind is told. */
function bad(check: string, error: unknown, fix: string): Finding {
  const detail = isBrokerError(error) ? error.message : `it failed in an unexpected way (${(error as Error).name})`;
  return wrong(check, detail, fix);
}
