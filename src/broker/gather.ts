// Asks several for what some of them must give: as many at once as are needed, the others when one fails or is late.

import { refused } from "../envelope/index.ts";
import type { BrokerError } from "../errors/index.ts";
import { asProviderFailure, heaviest } from "./failures.ts";

/** How many answers are needed, and when one more is asked. */
export interface Patience {
  readonly needs: number;
  /** Who has not answered for this long gets the next one beside it, and may still answer. */
  readonly delayMs: number;
}

/** What becomes of answers. */
export interface Taking<Answer, Result> {
  /** Makes the result of as many answers as are needed, the newest last; undefined asks for one more. */
  accept(answers: readonly Answer[]): Result | undefined;
  /** Gets every answer in the end, and the late ones when they come. */
  discard(answer: Answer): void;
}

/**
 * Asks the first `needs` at once, in order. Each that fails, or is late, brings in the next one, once. Rejects with the
 * heaviest failure, or ENVELOPE_REFUSED where there was none, when no more can be asked.
 */
export function gather<Answer, Result>(
  askers: readonly (() => Promise<Answer>)[],
  patience: Patience,
  taking: Taking<Answer, Result>,
): Promise<Result> {
  return new Gathering(askers, patience, taking).begin();
}

class Gathering<Answer, Result> {
  readonly #waiting: (() => Promise<Answer>)[];
  readonly #patience: Patience;
  readonly #taking: Taking<Answer, Result>;
  readonly #result = Promise.withResolvers<Result>();
  readonly #answers: Answer[] = [];
  readonly #failures: BrokerError[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #unanswered = 0;
  #over = false;

  constructor(askers: readonly (() => Promise<Answer>)[], patience: Patience, taking: Taking<Answer, Result>) {
    this.#waiting = [...askers];
    this.#patience = patience;
    this.#taking = taking;
  }

  begin(): Promise<Result> {
    for (let count = 0; count < this.#patience.needs; count++) this.#next();
    this.#giveUp();
    return this.#result.promise;
  }

  #next(): void {
    const asker = this.#over ? undefined : this.#waiting.shift();
    if (asker) void this.#ask(asker);
  }

  async #ask(asker: () => Promise<Answer>): Promise<void> {
    let replaced = false;
    const replace = () => {
      if (!replaced) this.#next();
      replaced = true;
    };
    const timer = setTimeout(replace, this.#patience.delayMs);
    this.#timers.add(timer);
    this.#unanswered++;
    const outcome = await settle(asker);
    this.#unanswered--;
    clearTimeout(timer);
    this.#timers.delete(timer);
    if ("answer" in outcome) this.#take(outcome.answer);
    else {
      this.#failures.push(outcome.failure);
      replace();
    }
    this.#giveUp();
  }

  #take(answer: Answer): void {
    if (this.#over) return this.#taking.discard(answer);
    this.#answers.push(answer);
    if (this.#answers.length < this.#patience.needs) return;
    try {
      const result = this.#taking.accept(this.#answers);
      if (result === undefined) this.#next();
      else this.#finish(() => this.#result.resolve(result));
    } catch (error) {
      this.#finish(() => this.#result.reject(error));
    }
  }

  /** When nobody is asked and nobody is left. */
  #giveUp(): void {
    if (this.#over || this.#unanswered > 0) return;
    const failure = heaviest(this.#failures) ?? refused("commitment");
    this.#finish(() => this.#result.reject(failure));
  }

  #finish(tell: () => void): void {
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const answer of this.#answers) this.#taking.discard(answer);
    tell();
  }
}

async function settle<T>(work: () => Promise<T>): Promise<{ readonly answer: T } | { readonly failure: BrokerError }> {
  try {
    return { answer: await work() };
  } catch (error) {
    return { failure: asProviderFailure(error, "unknown") };
  }
}
