// Compiles src and providers to dist, sweeps what has no source any more, bundles the daemon and the program of provider
// children, and makes the program executable.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const main = join(dist, "src/main.js");

function compile(): void {
  const options = ["--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"];
  const { status } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json", ...options], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Removes outputs whose source is gone, which would else be packed and published. */
function sweep(): void {
  for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const stem = path.replace(/\.(js|d\.ts)$/, "");
    if (stem !== path && !existsSync(join(root, `${stem}.ts`))) rmSync(join(dist, path));
  }
}

// The compiler trusts its record of the last build, also when the outputs were deleted.
if (!existsSync(main)) rmSync(join(dist, ".tsbuildinfo"), { force: true });
compile();
sweep();
await bundle(join(dist, "src/daemon/serve.js"), join(dist, "src/daemon/serve.bundle.js"));
// 5 MB of each child's memory.
await bundle(join(dist, "src/provider/child/worker.js"), join(dist, "src/provider/child/worker.bundle.js"));
chmodSync(main, 0o755);
