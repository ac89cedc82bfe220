// A process that charges envelopes to a grant in a folder, and says how each went: `ledger-child.ts FOLDER ID MAX FROM COUNT`.

import { createLedger } from "../../../src/grants/ledger.ts";

const [folder, id, max, from, count] = process.argv.slice(2);
const ledger = createLedger(folder!);
process.stdout.write("ready\n");
process.stdin.once("data", () => void charge());

async function charge(): Promise<void> {
  for (let number = Number(from); number < Number(from) + Number(count); number++) {
    const envelope = number.toString(16).padStart(32, "0");
    const use = await ledger.use(id!, envelope, Number(max), 1e12);
    process.stdout.write(`${envelope} ${use}\n`);
  }
  process.exit(0);
}
