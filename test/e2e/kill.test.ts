// The daemon is killed 50 times under load.

import { test } from "vitest";
import { killUnderLoad } from "./kill-scenario.ts";

test("every envelope answered before one of 50 kills still opens", { timeout: 120_000 }, () => killUnderLoad(50));
