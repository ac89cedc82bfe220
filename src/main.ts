#!/usr/bin/env node
// The program: for the daemon the process is prepared first; then the command line is read.

const args = process.argv.slice(2);

if (args[0] === "serve" && !args.includes("--help")) {
  const { relaunch } = await import("./daemon/index.ts");
  relaunch(args);
}
const { runCli } = await import("./cli/index.ts");
process.exit(await runCli(args));
