// A token and its calls: logs in when there is none, once more after a 403, and never loops on a refusal.

import { BrokerError } from "../../src/errors/index.ts";
import type { Notify } from "../../src/provider/index.ts";
import { wipe } from "../../src/secret/index.ts";
import type { Call, VaultClient } from "./client.ts";
import { failureOf } from "./errors.ts";
import { lifeOf, renewedLife } from "./life.ts";
import type { Life, TokenFacts } from "./life.ts";
import { LoginRefused } from "./logins.ts";
import type { Granted, Login } from "./logins.ts";
import type { Answer } from "./transport.ts";
import { createUpkeep } from "./upkeep.ts";
import type { Upkeep } from "./upkeep.ts";

/** The token in use. */
interface Held {
  readonly token: Buffer;
  /** What the source of the credential was when it was taken. */
  readonly stamp: string;
  life: Life;
}

interface Refusal {
  readonly error: BrokerError;
  readonly stamp: string;
  readonly untilMs: number;
}

/** A login is nobody's call, so it has a deadline of its own. */
const loginTimeoutMs = 10_000;
/** A path that a new token was denied too lacks a permission: for so long, no 403 on it asks for a new token. */
const deniedMs = 60_000;

/** Sends calls with a token. */
export class Session {
  readonly #client: VaultClient;
  readonly #login: Login;
  readonly #notify: Notify;
  readonly #upkeep: Upkeep;
  readonly #closing = new AbortController();
  readonly #deniedAtMs = new Map<string, number>();
  #held: Held | undefined;
  #loggingIn: Promise<Held> | undefined;
  #refusal: Refusal | undefined;

  constructor(client: VaultClient, login: Login, notify: Notify) {
    this.#client = client;
    this.#login = login;
    this.#notify = notify;
    const duties = { renew: () => this.#renew(), replace: () => this.#replace() };
    this.#upkeep = createUpkeep({ ...duties, remedy: login.remedy, notify });
  }

  /**
   * Sends a call, whatever its answer is; after a 403 once more with a new token, if one can be had. Throws
   * PROVIDER_UNAVAILABLE when no answer came, and KEY_DISABLED when the login is refused.
   */
  async send(call: Call): Promise<Answer> {
    const held = await orAbort(this.#current(), call.signal);
    const answer = await this.#client.send(call, held.token);
    if (answer.status !== 403) this.#deniedAtMs.delete(call.path);
    if (answer.status !== 403 || this.#isDenied(call.path)) return answer;
    const fresh = await orAbort(this.#after(held), call.signal);
    if (!fresh) return answer;
    const again = await this.#client.send(call, fresh.token);
    if (again.status === 403) this.#deniedAtMs.set(call.path, performance.now());
    return again;
  }

  /** The life of the token in use, after a login if need be. */
  async life(signal: AbortSignal): Promise<Life> {
    return (await orAbort(this.#current(), signal)).life;
  }

  /** Ends logins under way, and wipes the token. One that a login made is given back, within a second. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closedError());
    this.#upkeep.stop();
    const held = this.#held;
    this.#held = undefined;
    if (!held) return;
    if (this.#login.makesTokens) await this.#giveBack(held);
    wipe(held.token);
  }

  async #giveBack({ token }: Held): Promise<void> {
    const signal = AbortSignal.timeout(1_000);
    await this.#client.send({ method: "POST", path: "auth/token/revoke-self", signal }, token).catch(() => undefined);
  }

  #current(): Promise<Held> {
    if (this.#closing.signal.aborted) return Promise.reject(closedError());
    const held = this.#held;
    if (!held) return this.#loginOnce();
    const { expiresAtMs } = held.life;
    const ended = expiresAtMs !== undefined && expiresAtMs <= performance.now();
    const isStale = this.#login.makesTokens ? ended : this.#isPlacedAnew(held);
    return isStale ? this.#loginOnce() : Promise.resolve(held);
  }

  /** A newer token than this one; undefined when there is none to be had. */
  async #after(denied: Held): Promise<Held | undefined> {
    if (this.#held !== denied && this.#held) return this.#held;
    return await this.#replace();
  }

  async #replace(): Promise<Held | undefined> {
    const held = this.#held;
    if (!this.#login.makesTokens && held && !this.#isPlacedAnew(held)) return undefined;
    return await this.#loginOnce();
  }

  /** A file that is not there at this moment leaves the token that we have. */
  #isPlacedAnew(held: Held): boolean {
    try {
      return this.#login.stamp() !== held.stamp;
    } catch {
      return false;
    }
  }

  /** All who need a token at one time share one login, which no one's abort ends. */
  #loginOnce(): Promise<Held> {
    this.#loggingIn ??= this.#logIn().finally(() => (this.#loggingIn = undefined));
    return this.#loggingIn;
  }

  async #logIn(): Promise<Held> {
    const stamp = this.#login.stamp();
    const refusal = this.#refusal;
    if (refusal && refusal.stamp === stamp && performance.now() < refusal.untilMs) throw refusal.error;
    const timeout = AbortSignal.timeout(loginTimeoutMs);
    const signal = AbortSignal.any([this.#closing.signal, timeout]);
    try {
      const granted = await this.#login.grant(this.#client, signal);
      const life = await this.#lookUp(granted, signal);
      signal.throwIfAborted();
      return this.#take({ token: granted.token, stamp, life });
    } catch (error) {
      if (timeout.aborted) throw new BrokerError("PROVIDER_UNAVAILABLE", "the server did not answer a login in time");
      throw error instanceof LoginRefused ? this.#remember(error, stamp) : error;
    }
  }

  #take(held: Held): Held {
    const before = this.#held;
    this.#held = held;
    this.#refusal = undefined;
    this.#upkeep.follow(held.life);
    // A call that has just been given the old one reads it in this turn.
    if (before) setImmediate(() => wipe(before.token));
    return held;
  }

  #remember(refused: LoginRefused, stamp: string): BrokerError {
    const { name, remedy, pauseMs } = this.#login;
    const again = Number.isFinite(pauseMs) ? "it is tried again in a while" : "it is not tried again before that";
    const message = `${name}: ${refused.message}: ${remedy}; ${again}`;
    const error = new BrokerError("KEY_DISABLED", message);
    this.#refusal = { error, stamp, untilMs: performance.now() + pauseMs };
    this.#notify({ topic: "credential-login", level: "error", message });
    return error;
  }

  /** A token without the default policy may not look itself up: what the login said is then all there is. */
  async #lookUp({ token, facts }: Granted, signal: AbortSignal): Promise<Life> {
    const path = "auth/token/lookup-self";
    // The answer repeats the token.
    const answer = await this.#client.send({ method: "GET", path, take: "id", signal }, token);
    wipe(answer.taken);
    const known = answer.status === 200 ? (answer.json as { data?: TokenFacts }).data : undefined;
    if (answer.status >= 500 || answer.status === 429) throw failureOf(answer, path);
    const serverTimeMs = Date.parse(answer.headers.date ?? "");
    return lifeOf(known ?? facts ?? {}, Number.isNaN(serverTimeMs) ? undefined : serverTimeMs, performance.now());
  }

  async #renew(): Promise<Life> {
    const held = this.#held;
    if (!held) throw closedError();
    const path = "auth/token/renew-self";
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(loginTimeoutMs)]);
    // The answer repeats the token.
    const call = { method: "POST", path, take: "client_token", signal } as const;
    const answer = await this.#client.send(call, held.token);
    wipe(answer.taken);
    if (answer.status !== 200) throw failureOf(answer, path);
    held.life = renewedLife(
      held.life,
      (answer.json as { auth?: TokenFacts } | undefined)?.auth ?? {},
      performance.now(),
    );
    return held.life;
  }

  #isDenied(path: string): boolean {
    const sinceMs = this.#deniedAtMs.get(path);
    return sinceMs !== undefined && performance.now() - sinceMs < deniedMs;
  }
}

function closedError(): BrokerError {
  return new BrokerError("PROVIDER_UNAVAILABLE", "the vault provider is closed");
}

/** Waits for what others wait for too, no longer than the signal allows. */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop!);
  }
}
