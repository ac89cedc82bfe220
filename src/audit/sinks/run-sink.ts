// Keeps a sink fed: what the folder holds is sent in order, again and again until it is taken. No call waits for it.

import { join } from "node:path";
import { setTimeout as setTimer } from "node:timers";
import { setTimeout } from "node:timers/promises";
import type { Position } from "../follow.ts";
import { folderLock } from "./folder-lock.ts";
import { measureLag, pendingItems } from "./pending.ts";
import { readPosition, writePosition } from "./position-file.ts";
import type { Item, SinkState, Target } from "./sink.ts";

/** What a sink is run with. */
export interface RunOptions {
  readonly folder: string;
  /** `syslog` or `otlp`: also the name of the file that its position is kept in. */
  readonly sink: string;
  /** Makes the target: its library is loaded here. */
  readonly open: () => Promise<Target>;
  /** The sink cannot be reached, with the system's code; it can again. Told once each. */
  readonly failed: (code: string) => void;
  readonly recovered: () => void;
  /** Between two looks at the folder, in milliseconds. */
  readonly everyMs?: number;
}

const batchItems = 500;
const batchBytes = 262_144;
const lookEveryMs = 250;
const longestPauseMs = 15_000;
const sendTimeoutMs = 15_000;
const lastWordsMs = 2_000;

/** A sink at work. Nothing it meets is thrown: it is told to `failed`, and tried again. */
export class RunningSink {
  readonly #options: RunOptions;
  readonly #path: string;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #counts = { sent: 0, failures: 0, lagBytes: 0, failing: false };
  /** Ends an attempt to send. */
  readonly #cut = new AbortController();
  #target: Target | undefined;
  #position: Position | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#path = join(options.folder, `sink-${options.sink}.position`);
    this.#running = this.#run();
  }

  state(): SinkState {
    return { sink: this.#options.sink, ...this.#counts };
  }

  /** Sends what stands there, for a bounded time, and ends. */
  async close(): Promise<void> {
    this.#stopping.abort();
    // It also keeps the process from ending before: everything else of a sink is no reason to stay.
    const timer = setTimer(() => this.#cut.abort(new Error("the sink is closed")), lastWordsMs);
    await this.#running;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const lock = await folderLock(this.#path, this.#stopping.signal);
    if (lock === undefined) return;
    const { everyMs = lookEveryMs } = this.#options;
    let pauseMs = everyMs;
    while (!this.#stopping.signal.aborted) {
      const taken = await this.#attempt();
      pauseMs = taken ? everyMs : Math.min(longestPauseMs, pauseMs * 2);
      await pause(pauseMs, this.#stopping.signal);
    }
    if (!this.#counts.failing) await this.#attempt();
    await this.#target?.close().catch(() => undefined);
    lock.release();
  }

  async #attempt(): Promise<boolean> {
    const counts = this.#counts;
    try {
      await this.#pass();
      if (counts.failing) this.#options.recovered();
      counts.failing = false;
    } catch (error) {
      counts.failures += 1;
      if (!counts.failing) this.#options.failed(codeOf(error));
      counts.failing = true;
    }
    if (this.#position !== undefined) {
      const measured = measureLag(this.#options.folder, this.#position);
      counts.lagBytes = await measured.catch(() => counts.lagBytes);
    }
    return !counts.failing;
  }

  /** One pass over the folder. The position moves only with what was taken. */
  async #pass(): Promise<void> {
    this.#position ??= await readPosition(this.#path);
    const reached: Position = new Map(this.#position);
    let items: Item[] = [];
    let bytes = 0;
    for await (const item of pendingItems(this.#options.folder, reached)) {
      // The position does not hold this item yet: it is that of those before it.
      if (items.length >= batchItems || bytes >= batchBytes) {
        await this.#send(items, reached);
        [items, bytes] = [[], 0];
      }
      items.push(item);
      bytes += item.line.length;
    }
    await this.#send(items, reached);
  }

  async #send(items: readonly Item[], reached: Position): Promise<void> {
    if (items.length === 0) return;
    this.#target ??= await this.#options.open();
    await this.#target.send(items, AbortSignal.any([this.#cut.signal, AbortSignal.timeout(sendTimeoutMs)]));
    this.#counts.sent += items.length;
    await writePosition(this.#path, reached);
    this.#position = new Map(reached);
  }
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: string | number; name?: string };
  return code === undefined ? (name ?? "unknown") : String(code);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal, ref: false }).then(
    () => undefined,
    () => undefined,
  );
}
