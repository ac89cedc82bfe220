// The last line of `npm test`.

import { expect, test } from "vitest";
import { addTallies, line } from "../../../scripts/tally.ts";

test("adds up suites and says so in one line", () => {
  const total = addTallies({ passed: 8, failed: 0, skipped: 1 }, { passed: 312, failed: 2, skipped: 0 });
  expect(line(total)).toBe("320 passed, 2 failed, 1 skipped");
});
