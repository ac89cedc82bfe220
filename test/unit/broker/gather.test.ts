// Asking several for what some must give: order, delays, and that every answer is given back.

import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { gather } from "../../../src/broker/gather.ts";
import { BrokerError } from "../../../src/errors/index.ts";
import { useFakeTime } from "./setting.ts";

useFakeTime();

/** How one who is asked behaves: after how long, and with an answer or a failure. */
interface Behaviour {
  readonly afterMs: number;
  readonly fails: boolean;
}

function askersOf(behaviours: readonly Behaviour[]) {
  const asked: number[] = [];
  const answered: number[] = [];
  const askers = behaviours.map(({ afterMs, fails }, index) => async () => {
    asked.push(index);
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (fails) throw new BrokerError("PROVIDER_UNAVAILABLE", `asked ${index}`);
    answered.push(index);
    return index;
  });
  return { askers, asked, answered };
}

const behaviour = fc.record({ afterMs: fc.integer({ min: 0, max: 5_000 }), fails: fc.boolean() });

describe("gather", () => {
  test("succeeds whenever enough of those asked answer, and every answer is given back once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(behaviour, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 3_000 }),
        async (behaviours, wanted, delayMs) => {
          // What an earlier file of this process left running may have set some.
          vi.clearAllTimers();
          const needs = Math.min(wanted, behaviours.length);
          const { askers, asked, answered } = askersOf(behaviours);
          const discarded: number[] = [];
          const accept = (answers: readonly number[]) => [...answers];
          const discard = (answer: number) => void discarded.push(answer);
          const result = gather(askers, { needs, delayMs }, { accept, discard }).catch(() => undefined);
          await vi.advanceTimersByTimeAsync(60_000);
          const enough = behaviours.filter(({ fails }) => !fails).length >= needs;
          expect((await result) !== undefined).toBe(enough);
          if (enough) expect(await result).toHaveLength(needs);
          expect(asked).toEqual(asked.toSorted((one, other) => one - other));
          expect(discarded.toSorted()).toEqual(answered.toSorted());
          expect(vi.getTimerCount()).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("asks one more when the answers are not accepted, and gives up when there is none", async () => {
    const { askers, asked } = askersOf(Array<Behaviour>(3).fill({ afterMs: 0, fails: false }));
    const accept = vi.fn(() => undefined);
    const gathered = gather(askers, { needs: 2, delayMs: 1_000 }, { accept, discard: () => undefined });
    await expect(gathered).rejects.toMatchObject({ reason: "ENVELOPE_REFUSED" });
    expect(asked).toEqual([0, 1, 2]);
    expect(accept).toHaveBeenCalledTimes(2);
  });

  test("who is late brings in one more, and no second one when it fails at last", async () => {
    const late = { afterMs: 3_000, fails: true };
    const slow = { afterMs: 10_000, fails: false };
    const { askers, asked } = askersOf([late, slow, slow]);
    const gathered = gather(
      askers,
      { needs: 1, delayMs: 2_500 },
      { accept: ([first]) => first, discard: () => undefined },
    );
    await vi.advanceTimersByTimeAsync(4_000);
    expect(asked).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await gathered).toBe(1);
  });
});
