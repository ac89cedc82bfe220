// Asks several for what some of them must give: as many at once as are needed, the others when one fails or is late.

import { BrokerError } from "../errors/index.ts";
import { asProviderFailure, heaviest } from "./failures.ts";

/** How many answers are needed, and when one more is asked. */
export interface Patience {
  readonly needs: number;
  /** Who has not answered for this long gets the next one beside it, and may still answer. */
  readonly delayMs: number;
}

/**
 * Asks the first `needs` at once, in order. Each that fails, or is late, brings in the next one, once. With `needs`
 * answers, and with each one more, `accept` is called: what it makes of them is the result, unless it makes nothing,
 * when the next one is asked. Every answer goes to `discard` in the end, the late ones when they come.
 *
 * Rejects with the heaviest of `failures`, which those of the asked are added to, when no more can be asked.
 */
export function gather<Answer, Result>(
  askers: readonly (() => Promise<Answer>)[],
  { needs, delayMs }: Patience,
  accept: (answers: readonly Answer[]) => Result | undefined,
  discard: (answer: Answer) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const waiting = [...askers];
    const answers: Answer[] = [];
    const failures: BrokerError[] = [];
    const timers = new Set<NodeJS.Timeout>();
    let asked = 0;
    let over = false;

    function finish(outcome: () => void): void {
      over = true;
      for (const timer of timers) clearTimeout(timer);
      for (const answer of answers) discard(answer);
      outcome();
    }

    function next(): void {
      const asker = waiting.shift();
      if (asker) ask(asker);
    }

    function ask(asker: () => Promise<Answer>): void {
      asked++;
      let late = false;
      const bringIn = () => {
        if (!late && !over) next();
        late = true;
      };
      const timer = setTimeout(bringIn, delayMs);
      timers.add(timer);
      const settled = () => {
        asked--;
        clearTimeout(timer);
        timers.delete(timer);
      };
      asker().then(
        (answer) => {
          settled();
          take(answer);
        },
        (error: unknown) => {
          settled();
          failures.push(asProviderFailure(error, "unknown"));
          bringIn();
          giveUp();
        },
      );
    }

    function take(answer: Answer): void {
      if (over) return discard(answer);
      answers.push(answer);
      if (answers.length < needs) return giveUp();
      try {
        const result = accept(answers);
        if (result !== undefined) return finish(() => resolve(result));
        next();
      } catch (error) {
        return finish(() => reject(error as Error));
      }
      giveUp();
    }

    /** Nobody is asked and nobody is left. */
    function giveUp(): void {
      if (over || asked > 0) return;
      const none = new BrokerError("ENVELOPE_REFUSED", "too few recipients opened their shares");
      finish(() => reject(heaviest(failures) ?? none));
    }

    for (let count = 0; count < needs; count++) next();
    giveUp();
  });
}
