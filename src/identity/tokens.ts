// Finds identities by bearer tokens, and remembers what was verified.

import { hash } from "node:crypto";
import type { TokenConfiguration } from "../config/index.ts";
import type { BearerToken, Channel, Identities, Identity, IdentityEvents, TokenRefusal } from "./identity.ts";
import type { KeySource } from "./key-source.ts";
import { verifyToken, type Jose } from "./verify-token.ts";

/** An identity that shows a token. */
export interface TokenIdentity {
  readonly identity: Identity;
  readonly listener: string;
  readonly within: string | undefined;
  readonly token: TokenConfiguration;
  readonly source: KeySource;
}

/** What a token was found to prove at a listener. */
interface Verdict {
  readonly candidate: TokenIdentity;
  readonly identity: Identity;
  readonly untilMs: number;
  readonly generation: number;
  /** The identity within that of a channel, kept so that it is one object for all its calls. */
  narrowed: Identity | undefined;
}

/** The identities with tokens of one listener. */
interface Door {
  /** By issuer and subject. */
  readonly candidates: ReadonlyMap<string, readonly TokenIdentity[]>;
  /** By the token's digest: the tokens themselves are not kept. Insertion order is the order of age. */
  readonly verdicts: Map<string, Verdict>;
  readonly verifying: Map<string, Promise<Verdict | undefined>>;
}

export type Tokens = Identities["ofToken"];

/** What HTTP/2 headers of 8 KiB leave room for. */
const maxTokenLength = 8_192;
const compactForm = /^[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]+$/;

const maxVerdicts = 10_000;

/** A token to be judged: its form is looked at, and its digest taken. */
export function bearerToken(text: string): BearerToken {
  const isForm = text.length <= maxTokenLength && compactForm.test(text);
  return { text, digest: isForm ? hash("sha256", text, "base64") : "" };
}

/** `clock` answers milliseconds since 1970. */
export function createTokens(
  jose: Jose,
  all: readonly TokenIdentity[],
  clock: () => number,
  events: Pick<IdentityEvents, "tokenRefused">,
): Tokens {
  const doors = new Map(
    [...Map.groupBy(all, ({ listener }) => listener)].map(([listener, identities]) => [listener, doorOf(identities)]),
  );

  function refuse(channel: Channel, why: TokenRefusal): undefined {
    events.tokenRefused(channel.listener, why);
  }

  /** What it proves, over a channel that may not say otherwise. */
  function settle(channel: Channel, verdict: Verdict): Identity | undefined {
    const { candidate, identity } = verdict;
    if (candidate.within === undefined) return channel.proves ? refuse(channel, "channel") : identity;
    const outer = channel.identity;
    if (outer?.name !== candidate.within) return refuse(channel, "channel");
    if (verdict.narrowed?.within !== outer) verdict.narrowed = Object.freeze({ ...identity, within: outer });
    return verdict.narrowed;
  }

  async function verify(channel: Channel, door: Door, token: string): Promise<Verdict | undefined> {
    const candidates = door.candidates.get(namesIn(jose, token)) ?? [];
    if (candidates.length === 0) return refuse(channel, "unknown");
    const nowMs = clock();
    const found = await Promise.all(candidates.map((candidate) => judge(jose, candidate, token, nowMs)));
    const proven = found.filter((one): one is Verdict => "identity" in one);
    if (proven.length > 1) return refuse(channel, "several");
    // Of several candidates, with audiences of their own, the one that came furthest has the reason.
    return proven[0] ?? refuse(channel, (found as { why: TokenRefusal }[]).at(-1)!.why);
  }

  async function judged(channel: Channel, door: Door, { digest, text }: BearerToken): Promise<Identity | undefined> {
    let verifying = door.verifying.get(digest);
    if (verifying === undefined) {
      verifying = verify(channel, door, text).finally(() => door.verifying.delete(digest));
      door.verifying.set(digest, verifying);
    }
    const verdict = await verifying;
    if (verdict === undefined) return undefined;
    remember(door.verdicts, digest, verdict);
    return settle(channel, verdict);
  }

  return (channel, token) => {
    const door = doors.get(channel.listener);
    if (door === undefined) return refuse(channel, "unknown");
    if (token.digest === "") return refuse(channel, "form");
    const known = door.verdicts.get(token.digest);
    if (known === undefined || !isStillGood(known, clock())) return judged(channel, door, token);
    return settle(channel, known);
  };
}

function doorOf(identities: readonly TokenIdentity[]): Door {
  const candidates = Map.groupBy(identities, ({ token }) => nameOf(token.issuer, token.subject));
  return { candidates, verdicts: new Map(), verifying: new Map() };
}

function nameOf(issuer: unknown, subject: unknown): string {
  return JSON.stringify([issuer, subject]);
}

/** Whom a token speaks of, unverified: good for a look-up alone. */
function namesIn(jose: Jose, token: string): string {
  try {
    const { iss, sub } = jose.decodeJwt(token);
    return nameOf(iss, sub);
  } catch {
    return "";
  }
}

async function judge(
  jose: Jose,
  candidate: TokenIdentity,
  token: string,
  nowMs: number,
): Promise<Verdict | { readonly why: TokenRefusal }> {
  const proof = await verifyToken(jose, token, candidate.token, candidate.source, nowMs);
  if (proof.why !== undefined) return proof;
  const { name, attributes } = candidate.identity;
  const identity = Object.freeze({ name, attributes: Object.freeze({ ...attributes, ...proof.attributes }) });
  return { candidate, identity, untilMs: proof.untilMs, generation: proof.generation, narrowed: undefined };
}

function isStillGood({ untilMs, generation, candidate: { source } }: Verdict, nowMs: number): boolean {
  source.touch(nowMs);
  return nowMs < untilMs && generation === source.generation;
}

/** The oldest go first; tokens that are in use and were forgotten are verified again. */
function remember(verdicts: Map<string, Verdict>, digest: string, verdict: Verdict): void {
  verdicts.delete(digest);
  for (const oldest of verdicts.keys()) {
    if (verdicts.size < maxVerdicts) break;
    verdicts.delete(oldest);
  }
  verdicts.set(digest, verdict);
}
