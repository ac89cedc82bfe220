// A daemon in small that has no descriptor left when it opens a provider in a child, and gets some back.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { isBrokerError } from "../../../src/errors/index.ts";
import { openInChild } from "../../../src/provider/child/index.ts";
import { until } from "../../backends/until.ts";

const never = new AbortController().signal;
const module = new URL("faulty-child.ts", import.meta.url);
const settings = { pidFile: join(process.argv[2]!, "descriptors") };
const taken: number[] = [];

function takeAll(): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    // None is left.
  }
}

takeAll();
const provider = await openInChild({ kind: "faulty", module, settings, killAfterMs: 1_000 });
const failure: unknown = await provider.masterKey({ name: "honest" }, never).catch((error: unknown) => error);
for (const descriptor of taken) closeSync(descriptor);
process.stdout.write(isBrokerError(failure) ? `${failure.reason} ${failure.message}\n` : "no error\n");
const ask = () => provider.masterKey({ name: "honest" }, never).catch(() => undefined);
const key = await until("the child", ask);
await key.probe(never);
process.stdout.write("served\n");
await provider.close();
