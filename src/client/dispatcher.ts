// Sends calls: gathers those of one turn of the event loop, chooses endpoints, and tries again what failed.

import type { Endpoint, EndpointEvents } from "./endpoint.ts";
import { KeybrokerError, ownError } from "./error.ts";
import type { PendingCall } from "./pending-call.ts";
import { judge } from "./retry.ts";

/** A dispatcher's bounds. */
export interface DispatcherLimits {
  readonly maxAttempts: number;
  readonly unreachableMs: number;
  readonly maxCalls: number;
  readonly maxBytes: number;
}

/** Holds every call from `submit` until it settles. */
export class Dispatcher {
  readonly #endpoints: readonly Endpoint[];
  readonly #limits: DispatcherLimits;
  #queue: PendingCall[] = [];
  #held = new Set<PendingCall>();
  #heldBytes = 0;
  #flushing: NodeJS.Immediate | undefined;
  #next = 0;
  #closed = false;

  constructor(open: (events: EndpointEvents) => Endpoint[], limits: DispatcherLimits) {
    this.#endpoints = open({
      failed: (call, error) => this.#failed(call, error),
      room: () => {
        if (this.#queue.length > 0) this.#schedule();
      },
    });
    this.#limits = limits;
  }

  /** Takes a call, or refuses it when the client is closed or holds too much. */
  submit(call: PendingCall): void {
    if (this.#closed) return call.reject(closedError());
    const { maxCalls, maxBytes } = this.#limits;
    if (this.#held.size >= maxCalls || this.#heldBytes + call.request.length > maxBytes)
      return call.reject(ownError("OVERLOADED", this.#overload()));
    this.#held.add(call);
    this.#heldBytes += call.request.length;
    this.#enqueue(call);
  }

  /** Forgets a call that has settled. */
  settled(call: PendingCall): void {
    if (!this.#held.delete(call)) return;
    this.#heldBytes -= call.request.length;
    // Calls that settle while they wait leave the queue at its next flush; without one it must not grow.
    if (this.#queue.length > 2 * this.#limits.maxCalls) this.#queue = this.#queue.filter((queued) => !queued.settled);
  }

  /** Resolves when an endpoint has a connection; rejects when none has at the deadline. */
  async waitUntilConnected(deadline: Date): Promise<void> {
    try {
      await Promise.any(this.#endpoints.map((endpoint) => endpoint.waitUntilConnected(deadline)));
    } catch {
      const names = this.#endpoints.map((endpoint) => endpoint.address.text).join(", ");
      throw new KeybrokerError("UNAVAILABLE", `${names}: no connection was accepted in time`);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#flushing);
    this.#queue = [];
    for (const call of [...this.#held]) call.reject(closedError());
    for (const endpoint of this.#endpoints) endpoint.close(closedError());
  }

  #enqueue(call: PendingCall): void {
    this.#queue.push(call);
    this.#schedule();
  }

  /** The check phase follows the poll phase, where answers arrive: calls made because of one frame share the next. */
  #schedule(): void {
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = undefined;
    const queue = this.#queue.filter((call) => !call.settled);
    this.#queue = [];
    const alone = queue.length === 1 && this.#endpoints.every((endpoint) => endpoint.quiet());
    const room = new Map(this.#endpoints.map((endpoint) => [endpoint, endpoint.room()]));
    const frames = new Map<Endpoint, PendingCall[]>();
    let shared = this.#pick(room);
    for (const call of queue) {
      if (shared && room.get(shared)! <= 0) shared = this.#pick(room);
      const endpoint = call.pinned ?? (call.endpoint === shared ? this.#pick(room, call.endpoint) : shared);
      if (!endpoint || room.get(endpoint)! <= 0) {
        this.#queue.push(call);
        continue;
      }
      room.set(endpoint, room.get(endpoint)! - 1);
      const frame = frames.get(endpoint);
      if (frame) frame.push(call);
      else frames.set(endpoint, [call]);
    }
    for (const [endpoint, calls] of frames) endpoint.send(calls, alone);
  }

  /** The next endpoint in turn with room: a connected one, else one not in trouble, else any; `last` if no other. */
  #pick(room: ReadonlyMap<Endpoint, number>, last?: Endpoint): Endpoint | undefined {
    if (this.#endpoints.length === 1) return this.#endpoints[0];
    let best: Endpoint | undefined;
    let bestRank = Infinity;
    const start = this.#next++;
    for (let step = 0; step < this.#endpoints.length; step++) {
      const endpoint = this.#endpoints[(start + step) % this.#endpoints.length]!;
      if (room.get(endpoint)! <= 0) continue;
      const rank = (endpoint === last ? 4 : 0) + (endpoint.avoidMs() > 0 ? 2 : 0) + (endpoint.connected() ? 0 : 1);
      if (rank < bestRank) [best, bestRank] = [endpoint, rank];
    }
    return best;
  }

  #failed(call: PendingCall, error: KeybrokerError): void {
    if (call.settled) return;
    const verdict = judge({
      error,
      attempts: call.attempts,
      maxAttempts: this.#limits.maxAttempts + this.#endpoints.length - 1,
      elapsedMs: call.elapsedMs(),
      unreachableMs: this.#limits.unreachableMs,
      remainingMs: call.remainingMs(),
      backOffMs: Math.min(...this.#endpoints.map((endpoint) => endpoint.avoidMs())),
    });
    if (!verdict.retry || this.#closed) return call.reject(error);
    call.pinned = verdict.where === "same" ? call.endpoint : undefined;
    setTimeout(() => {
      if (!call.settled && !this.#closed) this.#enqueue(call);
    }, verdict.delayMs);
  }

  #overload(): string {
    const { maxCalls, maxBytes } = this.#limits;
    return (
      `this client already holds ${this.#held.size} calls and ${this.#heldBytes} bytes ` +
      `(limits ${maxCalls} and ${maxBytes}): await answers before making more calls`
    );
  }
}

function closedError(): KeybrokerError {
  return new KeybrokerError("CANCELLED", "the client is closed", { exit: 1 });
}
