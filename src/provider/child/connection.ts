// One life of a child, seen from the daemon: calls under way over its pipe, aborts, and the end.

import { BrokerError } from "../../errors/index.ts";
import { copy, wipe } from "../../secret/index.ts";
import type { Notify } from "../provider.ts";
import { notice as noticeSchema } from "./answers.ts";
import type { Ending, ProviderProcess } from "./child-process.ts";
import { unpackError } from "./errors.ts";
import { createFrameDecoder, encodeFrame } from "./frame.ts";
import type { Frame } from "./frame.ts";
import type { CallHeader, Operation, Word } from "./messages.ts";
import { createShared } from "./share.ts";

/** What a call was answered. The fields are buffers of their own, which the receiver owns. */
export interface Answer {
  readonly value: unknown;
  readonly fields: readonly Buffer[];
}

/** What a call asks beside its id and operation. */
export interface Request {
  readonly header: object;
  /** Copied at once; the caller still owns them. */
  readonly fields?: readonly Uint8Array[];
  /** Takes an examination's findings; it may throw what makes the child a liar. */
  readonly onItem?: (item: unknown) => void;
}

/** As `ChildOptions`. */
export interface ConnectionOptions {
  readonly kind: string;
  readonly killAfterMs: number;
  readonly notify?: Notify | undefined;
}

interface Pending {
  readonly settle: { resolve(answer: Answer): void; reject(error: unknown): void };
  readonly onItem: Request["onItem"];
  /** Set once the caller has gone: the child has until then to end the call. */
  killTimer?: NodeJS.Timeout;
}

/** Talks to a started process. Calls reject with PROVIDER_UNAVAILABLE once it has ended. */
export class Connection {
  /** The child's numbers for master keys, by names of the caller's choice. */
  readonly handles = new Map<string, number>();
  /** Asks for a master key once for all calls that need it at that time. */
  readonly resolving = createShared<unknown>();
  readonly kind: string;
  /** Resolves with what calls are told, when the process has ended. */
  readonly ended: Promise<BrokerError>;
  readonly #process: ProviderProcess;
  readonly #killAfterMs: number;
  readonly #notify: Notify | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #decoder = createFrameDecoder((frame) => this.#receive(frame));
  #lastId = 0;
  #failure: BrokerError | undefined;
  #cause: unknown;

  constructor(child: ProviderProcess, { kind, killAfterMs, notify }: ConnectionOptions) {
    this.#process = child;
    this.kind = kind;
    this.#killAfterMs = killAfterMs;
    this.#notify = notify;
    // A pipe fails when its process does; `ended` tells.
    child.pipe.on("error", () => undefined).on("data", (chunk: Buffer) => this.#read(chunk));
    this.ended = child.ended.then((ending) => this.#end(ending));
  }

  /** Calls; an abort rejects at once with the signal's reason, and what is answered later is wiped unread. */
  call(operation: Operation, { header, fields, onItem }: Request, signal: AbortSignal): Promise<Answer> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const id = ++this.#lastId;
    const call: CallHeader = { ...header, id, operation };
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#send(call, fields);
      const leave = () => this.#abandon(id, signal.reason);
      const left = () => signal.removeEventListener("abort", leave);
      signal.addEventListener("abort", leave, { once: true });
      const settle = { resolve: (a: Answer) => (left(), resolve(a)), reject: (e: Error) => (left(), reject(e)) };
      this.#pending.set(id, { settle, onItem });
    });
    return answer;
  }

  /** Asks the child to close its provider and end, and kills it when it has not after so long. */
  async close(error: BrokerError, withinMs: number): Promise<void> {
    if (!this.#failure) this.#send({ close: true });
    this.#fail(error);
    const timer = setTimeout(() => this.#process.kill(), withinMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends the child at once: calls under way are told `why`. */
  kill(why: string, cause?: unknown): void {
    this.#fail(this.#unavailable(why, cause));
    this.#process.kill();
  }

  #send(header: CallHeader | Word, fields?: readonly Uint8Array[]): void {
    const frame = encodeFrame(header, fields);
    this.#process.pipe.write(frame, () => wipe(frame));
  }

  #read(chunk: Buffer): void {
    if (this.#failure) return wipe(chunk);
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.kill("it answered what is no answer, and was ended", error);
    }
  }

  #receive({ header, fields }: Frame): void {
    if ("fault" in header) return void (this.#cause = unpackError(header["fault"], this.kind));
    if ("notice" in header) return this.#notify?.(noticeSchema.parse(header["notice"]));
    const id = header["id"] as number;
    const pending = this.#pending.get(id);
    if (!pending) throw new TypeError("an answer to no call");
    const abandoned = pending.killTimer !== undefined;
    if ("item" in header) {
      if (!abandoned) pending.onItem!(header["item"]);
      return;
    }
    this.#pending.delete(id);
    clearTimeout(pending.killTimer);
    if (abandoned) return;
    if ("error" in header) pending.settle.reject(unpackError(header["error"], this.kind));
    else pending.settle.resolve({ value: header["value"], fields: fields.map(copy) });
  }

  #abandon(id: number, reason: unknown): void {
    const pending = this.#pending.get(id)!;
    pending.killTimer = setTimeout(() => this.kill("it was blocked, and was ended"), this.#killAfterMs);
    pending.settle.reject(reason);
    this.#send({ abort: id });
  }

  #end({ words, lastLine }: Ending): BrokerError {
    const cause = this.#cause ?? (lastLine === "" ? undefined : namedError("LastLine", lastLine));
    const failure = this.#failure ?? this.#unavailable(words, cause);
    this.#fail(failure);
    this.#decoder.close();
    return failure;
  }

  #fail(error: BrokerError): void {
    this.#failure ??= error;
    for (const { settle, killTimer } of this.#pending.values()) {
      clearTimeout(killTimer);
      settle.reject(error);
    }
    this.#pending.clear();
  }

  #unavailable(why: string, cause: unknown): BrokerError {
    return new BrokerError("PROVIDER_UNAVAILABLE", `the ${this.kind} provider's process is not there: ${why}`, {
      cause,
    });
  }
}

function namedError(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
