// The daemon is killed 200 times under load.

import { test } from "vitest";
import { killUnderLoad } from "../e2e/kill-scenario.ts";

test("every envelope answered before one of 200 kills still opens", () => killUnderLoad(200));
