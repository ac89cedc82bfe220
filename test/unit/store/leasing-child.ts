// A process that leases from a store until a window is spent, and prints what it got: `FILE AMOUNT LIMIT`.

import { openStore } from "../../../src/store/index.ts";

const [file, amount, limit] = process.argv.slice(2);
const store = openStore(file!);
let got = 0;
let uses = 0;
// Both are open before either takes anything.
await store.stops();
process.stdout.write("ready\n");
process.stdin.once("data", () => void takeAll());

async function takeAll(): Promise<void> {
  for (;;) {
    const lease = await store.lease("both", 3_600_000, 7, Number(amount), Number(limit));
    if (lease.got === 0) break;
    got += lease.got;
  }
  for (let envelope = 0; envelope < 40; envelope++) {
    if ((await store.useGrant("g", `e${envelope}`, 25, 1)) === "new") uses++;
  }
  const list = await store.setStop({ key: `p${process.pid}`, stop: { reason: "", by: "", atMs: 0 } });
  await store.close();
  process.stdout.write(`${JSON.stringify({ got, uses, epoch: list.epoch })}\n`);
  process.stdin.destroy();
}
