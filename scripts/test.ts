// Runs every check of the project, one after the other, and ends with one line that counts them all.

import { runChecks } from "./checks.ts";
import { runSuites } from "./suites.ts";
import { addTallies, line, type Tally } from "./tally.ts";

const ci = process.env["CI"] === "true";

const checks = runChecks();
// Without a build the suites that start the daemon would fail one by one and say nothing new.
const suites = checks.built ? runSuites() : { passed: 0, failed: 0, skipped: 0 };
const total: Tally = addTallies(checks.tally, suites);
const failed = total.failed > 0 || (ci && total.skipped > 0);
if (ci && total.skipped > 0) console.error("CI=true: a skipped test fails the run.");
console.log(line(total));
process.exitCode = failed ? 1 : 0;
