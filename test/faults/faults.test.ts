// Every fault against every provider: a clear error in time or a retry that succeeds, never a wrong data key, no
// secret anywhere, and recovery without a restart.

import { afterAll, describe, expect, test } from "vitest";
import { available } from "../backends/available.ts";
import { expected } from "./expected.ts";
import { faketime, ownHosts } from "./fault-daemon.ts";
import { longestCallMs, startRun } from "./run.ts";
import type { FaultRun, Outcome } from "./run.ts";
import { faults } from "./subject.ts";
import type { Fault, FaultSubject } from "./subject.ts";
import { loadSubjects } from "./subjects.ts";

const able = { faketime: available(faketime), ownHosts: available(ownHosts) !== undefined };
const cannot = (fault: Fault) =>
  (fault === "clock an hour off" && !able.faketime) || (fault === "DNS failure" && !able.ownHosts);
const notExempt = ({ exempt }: FaultSubject) => faults.filter((fault) => !(fault in exempt));
const plannedFor = (subject: FaultSubject) => notExempt(subject).filter((fault) => !cannot(fault));

const { here: subjects, missing } = await loadSubjects();
const planned = subjects.flatMap(plannedFor).length;
let injected = 0;
const recoveriesMs: number[] = [];

function judge(fault: Fault, outcome: Outcome): void {
  const { reasons, maySucceed } = expected[fault];
  expect(outcome.hits, "calls that met the fault").toBeGreaterThan(0);
  for (const { operation, tookMs, error, right } of outcome.answers) {
    expect(tookMs, `${operation} under the fault`).toBeLessThan(longestCallMs);
    expect(right, `${operation}: the right data key`).toBe(true);
    if (error) expect(reasons, `${operation}: ${error.message}`).toContain(error.reason ?? error.status);
    else expect(maySucceed, `${operation} may succeed under the fault`).toBe(true);
  }
  expect(outcome.sameProcess, "the daemon runs on").toBe(true);
  expect(outcome.firstCalls, "the first calls after it").toEqual([undefined, undefined]);
  expect(outcome.leaks).toEqual([]);
}

test.skip.each(missing)("%s: its backend is missing here", () => undefined);

// Side by side: most of the time goes by waiting for answers that do not come.
describe.concurrent.each(subjects.map((subject) => [subject.kind, subject] as const))("%s", (_, subject) => {
  let run: Promise<FaultRun> | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const started = () => (run ??= subject.start().then((bench) => startRun(bench, able)));

  // One after the other: the faults of one backend meet the same daemon.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };

  test.each(plannedFor(subject))("%s", async (fault) => {
    const outcome = await inTurn(async () => (await started()).meet(fault));
    if (outcome.hits > 0) injected++;
    recoveriesMs.push(outcome.recoveryMs);
    judge(fault, outcome);
  });

  test.skip.each(notExempt(subject).filter(cannot))("%s", () => undefined);

  test("the daemon then ends in order", async () => {
    expect(await inTurn(async () => (await started()).end())).toBe(0);
  });

  test("what it is exempt from, it says why", () => {
    for (const [fault, why] of Object.entries(subject.exempt)) {
      expect(faults).toContain(fault);
      expect(why.split(" ").length, `${fault}: ${why}`).toBeGreaterThan(3);
    }
  });
});

// Hooks of a file run when all of its tests are over.
afterAll(() => {
  const slowest = Math.max(0, ...recoveriesMs);
  const kinds = subjects.map(({ kind }) => kind).join(", ");
  console.log(
    `${injected} of ${planned} planned faults injected into ${kinds}; recovery took ${slowest.toFixed(0)} ms at most`,
  );
  if (injected < planned) throw new Error(`only ${injected} of ${planned} planned faults were injected`);
});
