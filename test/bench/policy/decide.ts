// How long one decision takes, with identities and keys that come at random: nothing else of a call.

import { createPolicy } from "../../../src/policy/index.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { median } from "../table.ts";
import { identityNames, loadSize, type Size } from "./sizes.ts";

/** Questions asked over and over; more than are in any processor's caches. */
const questionCount = 65_536;

interface Subject {
  readonly policy: Policy;
  readonly questions: readonly Parameters<Policy["decide"]>[0][];
}

async function subjectOf(size: Size): Promise<Subject> {
  const { configuration } = await loadSize(size);
  const identities = identityNames(size).map((name) => ({ name }));
  const keys = [...configuration.keys.keys()];
  const pick = <One>(list: readonly One[]): One => list[Math.floor(Math.random() * list.length)]!;
  const questions = Array.from({ length: questionCount }, () => ({
    identity: pick(identities),
    permission: "unwrap" as const,
    key: pick(keys),
    context: undefined,
  }));
  return { policy: createPolicy(configuration.policy, configuration.groups), questions };
}

function nanosPerDecision({ policy, questions }: Subject): number {
  const startedNs = process.hrtime.bigint();
  let allowed = 0;
  for (const question of questions) if (policy.decide(question).allowed) allowed++;
  const tookNs = Number(process.hrtime.bigint() - startedNs);
  if (allowed === 0) throw new Error("no decision allowed anything");
  return tookNs / questions.length;
}

/** Nanoseconds per decision for each size: medians of rounds that take turns. */
export async function measureDecisions(sizes: readonly Size[], rounds: number): Promise<number[]> {
  const subjects = await Promise.all(sizes.map(subjectOf));
  const taken = subjects.map((): number[] => []);
  for (let round = -5; round < rounds; round++) {
    subjects.forEach((subject, index) => {
      const nanos = nanosPerDecision(subject);
      if (round >= 0) taken[index]!.push(nanos);
    });
  }
  return taken.map(median);
}
