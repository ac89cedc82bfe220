// The connection to one token: library, log-in and sessions, made when needed and made anew when lost.

import { callsHere, callsInThreads, type Calls } from "./calls.ts";
import { CKF, type Cryptoki, type Handle } from "./cryptoki.ts";
import { meaningOf, nameOf, unavailable } from "./errors.ts";
import { openLibrary, type Library, type NewCryptoki } from "./library.ts";
import { createLogIn, type LogIn } from "./log-in.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { findToken, type Token } from "./token.ts";
import type { DeviceSettings } from "./types.ts";

/** Where a piece of work runs. */
export interface At {
  readonly cryptoki: Cryptoki;
  readonly calls: Calls;
  readonly session: Handle;
  readonly token: Token;
  /** Handles of objects are good within one generation alone. */
  readonly generation: number;
}

/** A piece of work with a session of its own. */
export type Work<T> = (at: At) => T | Promise<T>;

interface Link {
  readonly library: Library;
  readonly generation: number;
  readonly token: Token;
  readonly sessions: Sessions;
}

/** Connects to the settings' token. */
export class Connection {
  readonly #settings: DeviceSettings;
  readonly #create: NewCryptoki | undefined;
  readonly #logIn: LogIn;
  #library: Library | undefined;
  #link: Link | undefined;
  #linking: Promise<Link> | undefined;
  #stale = false;
  #slow = false;
  #closed = false;

  constructor(settings: DeviceSettings, create?: NewCryptoki) {
    this.#settings = settings;
    this.#create = create;
    this.#logIn = createLogIn(settings.pin);
  }

  /**
   * Runs `work` with a session. When it finds the connection lost, the library is ended and begun anew and `work` runs a
   * second time. Throws PROVIDER_UNAVAILABLE or KEY_DISABLED when there is no connection, and what `work` throws.
   */
  async use<T>(work: Work<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await this.#run(work, signal);
    } catch (error) {
      if (meaningOf(error) !== "lost" || signal?.aborted) throw error;
      this.lose();
    }
    try {
      return await this.#run(work, signal);
    } catch (error) {
      if (meaningOf(error) !== "lost") throw error;
      this.lose();
      throw unavailable(`the token was lost and does not come back: it answered ${nameOf(error)}`, error);
    }
  }

  /** The next work begins with a new connection. */
  lose(): void {
    this.#stale = true;
  }

  /** The token is slow: calls go to threads from now on, several at once. */
  slowed(): void {
    this.#slow = true;
  }

  /** Logs out by ending every session. May be called twice. Work under way is awaited. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#linking?.catch(() => undefined);
    await this.#link?.sessions.idle();
    this.#link = undefined;
    this.#library?.release();
    this.#library = undefined;
  }

  async #run<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    const { library, token, sessions, generation } = await this.#linked();
    const { cryptoki } = library;
    return await sessions.use((session) => {
      const calls = this.#slow ? callsInThreads(cryptoki) : callsHere(cryptoki);
      return work({ cryptoki, calls, session, token, generation });
    }, signal);
  }

  #linked(): Promise<Link> | Link {
    if (this.#closed) throw unavailable("the pkcs11 provider is closed");
    const link = this.#link;
    if (link && !this.#stale && link.library.generation() === link.generation) return link;
    this.#linking ??= this.#relink().finally(() => (this.#linking = undefined));
    return this.#linking;
  }

  async #relink(): Promise<Link> {
    this.#logIn.check();
    // C_Finalize while another thread is inside the library is undefined: what is under way ends first.
    await this.#link?.sessions.idle();
    const fresh = this.#library === undefined;
    const library = (this.#library ??= await openLibrary(this.#settings.library, this.#create));
    const shared = this.#link !== undefined && this.#link.generation !== library.generation();
    this.#link = undefined;
    if (!fresh && !shared) library.restart();
    this.#link = this.#connect(library);
    this.#stale = false;
    return this.#link;
  }

  #connect(library: Library): Link {
    const { cryptoki } = library;
    const token = findToken(cryptoki, this.#settings);
    const open = () => cryptoki.C_OpenSession(token.slot, CKF.SERIAL_SESSION);
    try {
      // This session is never closed: with a process's last session its log-in would end.
      this.#logIn.run(cryptoki, open(), token);
    } catch (error) {
      if (meaningOf(error) === undefined) throw error;
      throw unavailable(`token ${token.serial} opens no session: it answered ${nameOf(error)}`, error);
    }
    const source = { open, close: (session: Handle) => cryptoki.C_CloseSession(session) };
    return {
      library,
      generation: library.generation(),
      token,
      sessions: createSessions(source, this.#settings.maxSessions),
    };
  }
}
