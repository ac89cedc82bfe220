// The stops of a process: kept in the store and in a local file, looked for in both, told to whoever must forget keys.

import { BrokerError } from "../errors/index.ts";
import { changed, newer, noStops, stopsText, type StopChange, type StopList, type Store } from "../store/index.ts";
import { mirrorAt, type Mirror } from "./mirror.ts";
import { cameToBeStopped, noticesOf } from "./difference.ts";
import type { StopOutcome, StoppableKey, Stops, StopsNotice } from "./stops.ts";

/** From one look at the store to the next: another process's stop is in force here within it and the look itself. */
const lookEveryMs = 400;

/** What stops are made with. */
export interface StopsOptions {
  /** Undefined: the local file alone keeps them. */
  readonly store: Store | undefined;
  /** The local file. */
  readonly mirror: string;
  /** What is known already: of the stops before these, after a reload that moved the store. */
  readonly known?: StopList | undefined;
  readonly notice?: (notice: StopsNotice) => void;
  /** Calls back every so many milliseconds; answers what ends it. */
  readonly every?: (work: () => void, ms: number) => () => void;
}

/** Opens the stops: what the file and the store say is in force when it answers. A store that is away is no failure. */
export async function openStops(options: StopsOptions): Promise<Stops> {
  const stops = new OpenStops(options);
  await stops.open();
  return stops;
}

class OpenStops implements Stops {
  readonly #store: Store | undefined;
  readonly #mirror: Mirror;
  readonly #notice: (notice: StopsNotice) => void;
  readonly #every: (work: () => void, ms: number) => () => void;
  readonly #listeners = new Set<(key: string | undefined) => void>();
  #list: StopList;
  #lost = false;
  #mirrorFails = false;
  /** Nothing is stopped and the store answers: what every call looks at. */
  #quiet = true;
  #looking: Promise<void> | undefined;
  #end: () => void = () => undefined;
  #closed = false;

  constructor({ store, mirror, known = noStops, notice = () => undefined, every = everyUnreferenced }: StopsOptions) {
    this.#store = store;
    this.#list = known;
    this.#mirror = mirrorAt(mirror);
    this.#notice = notice;
    this.#every = every;
  }

  async open(): Promise<void> {
    this.#judge();
    await this.#look();
    this.#end = this.#every(() => void this.#look(), lookEveryMs);
  }

  refuse(key: StoppableKey): void {
    if (!this.#quiet) this.#refuse(key);
  }

  list(): StopList {
    return this.#list;
  }

  known(): boolean {
    return !this.#lost;
  }

  async set(change: StopChange): Promise<StopOutcome> {
    const before = this.#list;
    if (change.stop !== undefined) this.#follow(changed(before, change));
    const shared = await this.#share(before, change);
    // Without the store, the epoch takes it there once that is back.
    const next = newer(this.#list, shared ?? changed(before, change));
    const kept = this.#write(next);
    if (shared === undefined && !kept) throw this.#unkept(change);
    this.#follow(next);
    return { list: this.#list, shared: this.#store === undefined || shared !== undefined };
  }

  onStop(listener: (key: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#end();
  }

  #refuse({ name, formerNames, onStoreLoss }: StoppableKey): void {
    const { all, keys } = this.#list;
    const stop = all ?? [name, ...formerNames].map((each) => keys.get(each)).find((found) => found !== undefined);
    if (stop !== undefined) {
      const since = new Date(stop.atMs).toISOString();
      const why = stop.reason === "" ? "" : `: ${stop.reason}`;
      const resume = `keybroker resume ${all === undefined ? `--key ${name}` : "--all"}`;
      throw new BrokerError(
        "KEY_STOPPED",
        `key ${name} is stopped since ${since}${why} (an administrator may ${resume})`,
      );
    }
    if (!this.#lost || onStoreLoss === "allow") return;
    const message = `key ${name} opens nothing while the store is away: see keybroker status`;
    throw new BrokerError("STORE_UNAVAILABLE", message, { retryAfterMs: 1_000 });
  }

  /** Undefined when the store did not take the change. */
  async #share(before: StopList, change: StopChange): Promise<StopList | undefined> {
    if (this.#store === undefined) return undefined;
    try {
      // What this process knows and an older, restored store does not must not be undone by the change.
      await this.#store.adoptStops(before);
      const list = await this.#store.setStop(change);
      this.#found();
      return list;
    } catch (error) {
      this.#away(error);
      return undefined;
    }
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** Never rejects: what cannot be read now may be at the next look. */
  async #lookOnce(): Promise<void> {
    const local = newer(this.#list, this.#read() ?? noStops);
    const list = await this.#reconciled(local);
    if (this.#closed) return;
    // A change that was made here meanwhile is newer.
    const next = newer(this.#list, list);
    const isNew = stopsText(next) !== stopsText(this.#list);
    this.#follow(next);
    // A file that cannot be read is evidence as long as nobody knows better.
    if (isNew || (this.#mirrorFails && (!this.#lost || next.epoch > 0))) this.#write(next);
  }

  /** The list that counts of what the store has and what is known here; the store has it then, too. */
  async #reconciled(local: StopList): Promise<StopList> {
    if (this.#store === undefined) return local;
    try {
      const stored = await this.#store.stops();
      const list = newer(stored, local);
      const agreed = list === stored ? stored : await this.#store.adoptStops(list);
      this.#found();
      return agreed;
    } catch (error) {
      this.#away(error);
      return local;
    }
  }

  #follow(next: StopList): void {
    const before = this.#list;
    this.#list = next;
    this.#judge();
    if (next === before) return;
    const stopped = cameToBeStopped(before, next);
    for (const key of stopped) for (const listener of this.#listeners) listener(key);
    for (const notice of noticesOf(before, next)) this.#notice(notice);
  }

  #judge(): void {
    const { all, keys } = this.#list;
    this.#quiet = !this.#lost && all === undefined && keys.size === 0;
  }

  #away(error: unknown): void {
    const wasLost = this.#lost || this.#closed;
    this.#lost = true;
    this.#judge();
    if (!wasLost) this.#notice({ event: "store-lost", epoch: this.#list.epoch, error });
  }

  #found(): void {
    const wasLost = this.#lost;
    this.#lost = false;
    this.#judge();
    if (wasLost) this.#notice({ event: "store-found", epoch: this.#list.epoch });
  }

  #read(): StopList | undefined {
    try {
      return this.#mirror.readChanged();
    } catch (error) {
      this.#mirrorFailed(error);
      return undefined;
    }
  }

  #write(list: StopList): boolean {
    try {
      this.#mirror.write(list);
      this.#mirrorFails = false;
      return true;
    } catch (error) {
      this.#mirrorFailed(error);
      return false;
    }
  }

  #mirrorFailed(error: unknown): void {
    if (!this.#mirrorFails) this.#notice({ event: "mirror-failed", epoch: this.#list.epoch, error });
    this.#mirrorFails = true;
  }

  #unkept({ stop }: StopChange): BrokerError {
    const done = stop === undefined ? "nothing was changed" : "the stop is in force in this process until it ends";
    const message = `neither the store nor the local file took the change: ${done}`;
    return new BrokerError("STORE_UNAVAILABLE", message);
  }
}

function everyUnreferenced(work: () => void, ms: number): () => void {
  const timer = setInterval(work, ms);
  timer.unref();
  return () => clearInterval(timer);
}
