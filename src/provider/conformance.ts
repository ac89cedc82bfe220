// What every provider must hold to, as plain cases that any test runner can run.

import { basics } from "./conformance/basics.ts";
import type { ConformanceCase } from "./conformance/harness.ts";
import { lifeCycle } from "./conformance/life-cycle.ts";
import { refusals } from "./conformance/refusals.ts";

export type { ConformanceCase, ConformanceHarness } from "./conformance/harness.ts";

/** Every case, in an order that leaves what changes the backend to the end. */
export const conformanceCases: readonly ConformanceCase[] = [...basics, ...refusals, ...lifeCycle];
