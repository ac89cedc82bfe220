// A hundred thousand wraps and unwraps from eight clients, counted at each backend that can count.

import { describe, expect, test } from "vitest";
import { startCounting } from "../faults/counted.ts";
import type { Counted } from "../faults/counted.ts";
import { loadSubjects } from "../faults/subjects.ts";

const { here: subjects } = await loadSubjects();
const clients = 8;
/** In strict mode every call reaches the backend, which is slow on purpose or far away. */
const strictOperations = 2_000;

function print(kind: string, mode: string, { asked, seen, seconds }: Counted): void {
  const { wraps, unwraps } = asked;
  console.log(
    `${kind}, ${mode}: ${wraps} wraps and ${unwraps} unwraps in ${seconds.toFixed(1)} s; ` +
      `the backend saw ${seen.wraps} wraps and ${seen.unwraps} unwraps`,
  );
}

describe.each(subjects.map((subject) => [subject.kind, subject] as const))("%s", (kind, subject) => {
  test("asks its backend once per branch key, and in strict mode once per call", async ({ skip }) => {
    const counting = (await startCounting(subject)) ?? skip("this backend does not count its calls");
    try {
      const kept = await counting.wrapAndUnwrap({ operations: 100_000, clients, key: {} });
      print(kind, "branch keys kept", kept);
      expect(kept.seen).toEqual({ wraps: 1, unwraps: 1 });
      const key = { branchKey: { maxWraps: 1 }, unwrapCache: "none" };
      const strict = await counting.wrapAndUnwrap({ operations: strictOperations, clients, key });
      print(kind, "strict", strict);
      expect(strict.seen).toEqual({ wraps: strictOperations / 2 + 1, unwraps: strictOperations + 2 });
    } finally {
      await counting.stop();
    }
  });
});
