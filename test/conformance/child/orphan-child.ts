// A daemon in small that opens a provider in a child and tells the child's process; a test then kills it.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startProcess } from "../../../src/provider/child/child-process.ts";
import { remoteProvider } from "../../../src/provider/child/remote.ts";
import { Supervisor, tempo } from "../../../src/provider/child/supervisor.ts";
import { until } from "../../backends/until.ts";

const [leash, state, folder] = process.argv.slice(2);
const never = new AbortController().signal;
const pidFile = join(folder!, `${leash}-${state}`);
const module = new URL("faulty-child.ts", import.meta.url);
const supervisor = new Supervisor(
  { kind: "faulty", module, settings: { pidFile }, killAfterMs: 60_000 },
  tempo,
  (variables) => (leash === "thread" ? startProcess(variables, null) : startProcess(variables)),
);
await supervisor.opened();
const key = await remoteProvider(supervisor).masterKey({ name: "block" }, never);
if (state === "blocked") {
  key.probe(never).catch(() => undefined);
  await until("the child to be blocked", () => existsSync(`${pidFile}.asked`) || undefined);
}
process.stdout.write(`${readFileSync(pidFile, "utf8")}\n`);
setInterval(() => undefined, 60_000);
