// Waiting for a condition instead of for a time.

/** Asks again and again until the answer is not undefined; an error with `what` after the time. */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined, timeoutMs = 20_000) {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
