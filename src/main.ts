#!/usr/bin/env node
// The program: for the daemon the process is prepared first; then the command line is read, unless it is a plain one.

const args = process.argv.slice(2);

if (args[0] === "serve" && !args.includes("--help")) {
  const { plainCommand, relaunch, serve } = await import("./daemon/index.ts");
  relaunch(args);
  const options = plainCommand(args, process.env);
  if (options !== undefined) process.exit(await serve(options));
}
const { runCli } = await import("./cli/index.ts");
process.exit(await runCli(args));
