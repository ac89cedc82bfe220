// One call of a caller, from its start until its promise settles, over all its tries.

import { KeybrokerError } from "./error.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Operation } from "./operation.ts";
import type { CallOptions } from "./types.ts";

/** How a call ends; told once. */
export type Settled = (call: PendingCall) => void;

/** A call under way. It settles exactly once: by an answer, an error, its deadline, its signal, or the client's end. */
export class PendingCall {
  readonly operation: Operation;
  /** The request message, encoded; wiped when the call has settled. */
  readonly request: Buffer;
  /** On performance.now()'s clock. */
  readonly deadlineMs: number;
  readonly promise: Promise<unknown>;
  /** Tries begun. */
  attempts = 0;
  /** Where it was tried last. */
  endpoint: Endpoint | undefined;
  /** Where the next try must go: a troubled provider is not asked through every daemon. */
  pinned: Endpoint | undefined;
  /** Ends the try under way, if its transport can. */
  cancelTry: (() => void) | undefined;
  settled = false;
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #onSettled: Settled;
  readonly #signal: AbortSignal | undefined;
  #resolve!: (output: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(operation: Operation, request: Buffer, options: CallOptions & { timeoutMs: number }, onSettled: Settled) {
    this.operation = operation;
    this.request = request;
    this.#timeoutMs = options.timeoutMs;
    this.deadlineMs = performance.now() + options.timeoutMs;
    this.#onSettled = onSettled;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(this.#expire, options.timeoutMs);
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** Milliseconds since it began. */
  elapsedMs(): number {
    return this.#timeoutMs - this.remainingMs();
  }

  /** Milliseconds until the deadline; may be negative. */
  remainingMs(): number {
    return this.deadlineMs - performance.now();
  }

  /** Hands the answer to the caller, or wipes it where nobody waits for it any more. */
  resolve(message: unknown): void {
    if (this.settled) wipeAnswer(message);
    else {
      this.#end();
      this.#resolve(this.operation.output(message));
    }
  }

  reject(error: unknown): void {
    if (this.settled) return;
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.settled = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
    this.request.fill(0);
    this.#onSettled(this);
  }

  readonly #expire = (): void => {
    const cancelTry = this.cancelTry;
    this.reject(new KeybrokerError("DEADLINE_EXCEEDED", `no answer within ${this.#timeoutMs} ms`));
    cancelTry?.();
  };

  readonly #abort = (): void => {
    const cancelTry = this.cancelTry;
    this.reject(this.#signal?.reason);
    cancelTry?.();
  };
}

/** Wipes the data key of an answer that nobody will read. */
export function wipeAnswer(message: unknown): void {
  const plaintext = (message as { plaintext?: unknown } | undefined)?.plaintext;
  if (plaintext instanceof Uint8Array) plaintext.fill(0);
}
