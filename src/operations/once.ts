// Changes that are carried out once for a request id, however often they are asked for.

import { isDeepStrictEqual } from "node:util";
import { BrokerError, isBrokerError } from "../errors/index.ts";
import type { Reason } from "../errors/index.ts";

/** After these a backend may have made the change: to ask it again under the same id could make it twice. */
const uncertain: ReadonlySet<Reason> = new Set<Reason>(["PROVIDER_TIMEOUT", "PROVIDER_UNAVAILABLE", "INTERNAL"]);

const keptMs = 3_600_000;
const maxKept = 1_024;

/** A change that was asked for. */
interface Asked {
  readonly request: object;
  readonly answer: Promise<unknown>;
  readonly atMs: number;
}

/** Remembers answers to changes for an hour, at most 1,024 of them. */
export interface Once {
  /**
   * Carries out `change`, or answers what it answered before under the same name and id, failures that leave open what
   * happened among it. Other failures are forgotten, and may be asked for again. Throws REQUEST_INVALID when the id came
   * with another request before.
   */
  do<Answer>(name: string, requestId: string, request: object, change: () => Promise<Answer>): Promise<Answer>;
}

/** `now` is a clock in milliseconds. */
export function createOnce(now: () => number = () => performance.now()): Once {
  const kept = new Map<string, Asked>();

  /** Insertion order is the order of age. */
  function forgetOld(): void {
    for (const [name, { atMs }] of kept) {
      if (kept.size < maxKept && now() - atMs < keptMs) return;
      kept.delete(name);
    }
  }

  return {
    do<Answer>(name: string, requestId: string, request: object, change: () => Promise<Answer>): Promise<Answer> {
      forgetOld();
      const place = `${name} ${requestId}`;
      const known = kept.get(place);
      if (known !== undefined) return again(known, request) as Promise<Answer>;
      const answer = change();
      const asked = { request, answer, atMs: now() };
      kept.set(place, asked);
      answer.catch((error: unknown) => {
        if (!isUncertain(error) && kept.get(place) === asked) kept.delete(place);
      });
      return answer;
    },
  };
}

function isUncertain(error: unknown): boolean {
  return !isBrokerError(error) || uncertain.has(error.reason);
}

function again({ request, answer }: Asked, asked: object): Promise<unknown> {
  if (isDeepStrictEqual(request, asked)) return answer;
  const message = "this request_id came with another request before: draw a new one for each change";
  return Promise.reject(new BrokerError("REQUEST_INVALID", message));
}

/** Throws REQUEST_INVALID when an id is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'. */
export function checkRequestId(requestId: string): void {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(requestId)) return;
  const rule = "request_id has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-': draw one at random";
  throw new BrokerError("REQUEST_INVALID", rule);
}
