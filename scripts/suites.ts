// Runs the test suites and reads their counts from the report that vitest writes.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { addTallies, type Tally } from "./tally.ts";

const root = join(import.meta.dirname, "..");
const reports = join(root, ".cache/reports");

/** In this order: the quick ones first. Long runs are `npm run test:long`. */
const projects = ["unit", "unit-mocked", "conformance", "docs", "e2e", "faults"];

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
}

function read(file: string): Tally {
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  // A file that does not load has no failed test, only a run without success.
  const failed = report.success ? 0 : Math.max(1, report.numFailedTests);
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
}

function runSuite(project: string): Tally {
  const file = join(reports, `${project}.json`);
  rmSync(file, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const args = ["run", "--project", project, "--passWithNoTests", ...reporters];
  const { status } = spawnSync("vitest", args, { cwd: root, stdio: "inherit" });
  try {
    const tally = read(file);
    return status === 0 || tally.failed > 0 ? tally : { ...tally, failed: 1 };
  } catch (error) {
    console.error(`${project}: no report: ${String(error)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Runs all of them, whatever fails. */
export function runSuites(): Tally {
  mkdirSync(reports, { recursive: true });
  return addTallies(...projects.map(runSuite));
}
