// Keeps a provider's child alive: starts it, starts it again with growing delays when it ends, and ends it for good.

import { performance } from "node:perf_hooks";
import { BrokerError, isBrokerError } from "../../errors/index.ts";
import { wipe } from "../../secret/index.ts";
import { startProcess } from "./child-process.ts";
import { Connection } from "./connection.ts";
import type { OpenRequest } from "./messages.ts";
import type { ChildOptions } from "./open-in-child.ts";
import { packSettings } from "./settings.ts";
import { abortable } from "./share.ts";

/** Times in milliseconds. */
export interface Tempo {
  /** Between an end and the next start; doubled each time, up to `longestDelayMs`. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** A call waits for a start that is due within this time; of a later one it is told. */
  readonly patienceMs: number;
  /** A child that lived so long begins anew with the first delay. */
  readonly healthyMs: number;
  /** From the start to the opened provider; later, the child counts as blocked. */
  readonly startMs: number;
  /** How long `opened` waits for the first start: the daemon does not start late for one provider. */
  readonly openedMs: number;
  /** From `close` to SIGKILL. */
  readonly closeMs: number;
}

/** What a daemon uses. */
export const tempo: Tempo = {
  firstDelayMs: 100,
  longestDelayMs: 30_000,
  patienceMs: 1_000,
  healthyMs: 10_000,
  startMs: 10_000,
  openedMs: 2_000,
  closeMs: 1_500,
};

/** SIGKILL is obeyed at once, but by a process within a driver: nobody waits longer for that one. */
const killWaitMs = 500;

/** A start that is due. */
interface Restart {
  readonly atMs: number;
  readonly timer: NodeJS.Timeout;
  /** Resolves when it has begun, or when there will be none. */
  readonly begun: Promise<void>;
  readonly begin: () => void;
}

/** Keeps one child. */
export class Supervisor {
  readonly #options: ChildOptions;
  readonly #tempo: Tempo;
  readonly #startProcess: typeof startProcess;
  readonly #end = new AbortController();
  #connection: Promise<Connection> | undefined;
  #live: Connection | undefined;
  #failures = 0;
  #failure: unknown;
  #restart: Restart | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ChildOptions, times: Tempo = tempo, start = startProcess) {
    this.#options = options;
    this.#tempo = times;
    this.#startProcess = start;
    this.#start();
  }

  get kind(): string {
    return this.#options.kind;
  }

  /** Resolves when the provider was opened, or could not yet be. Rejects when its `open` failed, and closes. */
  async opened(): Promise<void> {
    try {
      await Promise.race([this.#connection, wait(this.#tempo.openedMs)]);
    } catch (error) {
      if (isBrokerError(error) && error.reason === "PROVIDER_UNAVAILABLE") return;
      await this.close();
      throw error;
    }
  }

  /** The child, once it is started. Throws PROVIDER_UNAVAILABLE, with the delay, when that will not be soon. */
  async connection(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    if (!this.#connection) await this.#soon(signal);
    if (this.#closing) throw this.#closed();
    if (!this.#connection) throw this.#unavailable();
    try {
      return this.#live ?? (await abortable(this.#connection, signal));
    } catch (error) {
      throw signal.aborted || this.#closing ? error : this.#unavailable();
    }
  }

  /** Who calls when a start is due is not sent away: its retries may be used up before. */
  async #soon(signal: AbortSignal): Promise<void> {
    const restart = this.#restart;
    if (this.#closing || !restart) return;
    if (restart.atMs - performance.now() <= this.#tempo.patienceMs) await abortable(restart.begun, signal);
  }

  /** Rejects calls under way and ends the child, also one that is blocked. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#restart?.timer);
    this.#restart?.begin();
    const connection = this.#connection;
    this.#end.abort(this.#closed());
    const closed = connection?.then((live) => live.close(this.#closed(), this.#tempo.closeMs)).catch(() => undefined);
    await Promise.race([closed, wait(this.#tempo.closeMs + killWaitMs)]);
  }

  #start(): void {
    const starting = this.#launch();
    this.#connection = starting;
    starting.catch((error: unknown) => this.#later(error));
  }

  async #launch(): Promise<Connection> {
    const connection = await openConnection(this.#options, this.#startProcess, this.#tempo.startMs, this.#end.signal);
    const openedMs = performance.now();
    this.#live = connection;
    void connection.ended.then((error) => {
      if (performance.now() - openedMs >= this.#tempo.healthyMs) this.#failures = 0;
      this.#later(error);
    });
    return connection;
  }

  #later(error: unknown): void {
    this.#connection = this.#live = undefined;
    if (this.#closing) return;
    const { firstDelayMs, longestDelayMs } = this.#tempo;
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#failures++);
    this.#failure = error;
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const start = () => {
      this.#start();
      begin();
    };
    this.#restart = { atMs: performance.now() + delayMs, timer: setTimeout(start, delayMs), begun, begin };
    const message = `${this.#words()}; it is started again in ${delayMs} ms`;
    this.#options.notify?.({ topic: "process", level: "warning", message });
  }

  #unavailable(): BrokerError {
    const retryAfterMs = Math.max(1, Math.ceil((this.#restart?.atMs ?? 0) - performance.now()));
    const message = `${this.#words()}; it is started again`;
    return new BrokerError("PROVIDER_UNAVAILABLE", message, { retryAfterMs, cause: this.#failure });
  }

  #words(): string {
    const failure = this.#failure;
    return isBrokerError(failure) ? failure.message : `the ${this.kind} provider's process cannot be started`;
  }

  #closed(): BrokerError {
    return new BrokerError("PROVIDER_UNAVAILABLE", `the ${this.kind} provider is closed`);
  }
}

/** Starts a child and opens the provider in it; when that fails, the child has ended before this rejects. */
async function openConnection(
  options: ChildOptions,
  start: typeof startProcess,
  startMs: number,
  end: AbortSignal,
): Promise<Connection> {
  const { module, settings, environment = {} } = options;
  const { packed, bytes } = packSettings(settings);
  try {
    const child = start(environment);
    const connection = new Connection(child, options);
    const header: OpenRequest = {
      module: String(module),
      settings: packed,
      parent: process.pid,
      watch: !child.leashed,
    };
    const timer = setTimeout(() => connection.kill("it did not open the provider in time"), startMs);
    try {
      await connection.call("open", { header, fields: bytes }, end);
      return connection;
    } catch (error) {
      connection.kill("it could not open the provider");
      await connection.ended;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  } finally {
    wipe(...bytes);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
