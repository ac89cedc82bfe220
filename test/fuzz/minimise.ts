// Makes an input that shows a fault as small as it goes, so that a person sees what it is about.

/** The most attempts: an input is rather left longer than a run stopped for it. */
const maxAttempts = 2_000;

/** Cuts out pieces, the largest first, while `fails` says that the rest still does; then makes bytes plain. */
export async function minimise(input: Uint8Array, fails: (input: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  let best: Uint8Array = input;
  let attempts = 0;
  const improve = async (candidate: Uint8Array) => {
    if (attempts++ >= maxAttempts || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let piece = Math.ceil(best.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let at = 0; at < best.length;) {
      const without = Buffer.concat([best.subarray(0, at), best.subarray(at + piece)]);
      if (!(await improve(without))) at += piece;
    }
  }
  for (let at = 0; at < best.length; at++) {
    const plain = Buffer.from(best);
    plain[at] = 0x61;
    if (best[at] !== 0x61) await improve(plain);
  }
  return best;
}
