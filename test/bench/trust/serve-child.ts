// The built daemon without its own entry, so that its audit can be left out: by BENCH_AUDIT=off. Both kinds come up this
// way, so that they differ in nothing else.

import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Serve from "../../../src/daemon/serve.ts";
import { program } from "../../backends/daemon.ts";

const configFile = process.argv.at(-1)!;
const noAudit = pathToFileURL(join(import.meta.dirname, "no-audit.ts")).href;

registerHooks({
  resolve(specifier, context, next) {
    const isAudit = process.env["BENCH_AUDIT"] === "off" && specifier === "../audit/index.js";
    if (isAudit && context.parentURL?.endsWith("/daemon/build-graph.js")) return { url: noAudit, shortCircuit: true };
    return next(specifier, context);
  },
});
const { serve } = (await import(join(dirname(program), "daemon/serve.js"))) as typeof Serve;
process.exit(await serve({ configFile, stateDir: "" }));
