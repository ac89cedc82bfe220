// The built daemon as its users start it: in a folder of its own, stopped by a signal.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./available.ts";
import { startChild, type Child, type Exit } from "./process.ts";
import { until } from "./until.ts";

/** The built program; another build by KEYBROKER_DIST. */
export const program = join(process.env["KEYBROKER_DIST"] ?? join(root, "dist"), "src/main.js");

export interface DaemonOptions {
  /** A folder from `daemonFolder()`; a new one if left out, which `stop` then removes. */
  readonly folder?: string;
  /** A configuration's text: written to keybroker.yaml in the folder. The embedded default if left out. */
  readonly configuration?: string;
  /** Added to an environment that has PATH alone. */
  readonly env?: Record<string, string>;
  /** The command to start instead of this build; `serve` and its options are added. */
  readonly command?: readonly string[];
  /** The socket to wait for, in the folder. */
  readonly socket?: string;
}

export interface Daemon extends Child {
  readonly folder: string;
  /** For --address and KEYBROKER_ADDRESS. */
  readonly address: string;
  /** The environment that commands find this daemon with. */
  readonly env: Record<string, string>;
  /** SIGTERM, and waits for the end. Removes the folder if the daemon made it. */
  stop(): Promise<Exit>;
  /** SIGKILL, and waits for the end. The folder stays. */
  kill(): Promise<Exit>;
}

/** A folder for a daemon's state; short, since a socket's path has at most 100 bytes. */
export function daemonFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "kb-"));
  chmodSync(folder, 0o700);
  return folder;
}

/** Whether someone accepts connections there. */
export function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.on("connect", () => answer(true)).on("error", () => answer(false));
  });
}

/** Starts the daemon without waiting for its socket: for starts that are meant to fail. */
export function spawnDaemon(options: DaemonOptions & { readonly folder: string }): Child {
  const state = join(options.folder, "state");
  const args = ["serve"];
  if (options.configuration !== undefined) {
    const file = join(options.folder, "keybroker.yaml");
    writeFileSync(file, options.configuration, { mode: 0o600 });
    args.push("--config", file);
  }
  const command = options.command ?? [process.execPath, program];
  const env = { PATH: process.env["PATH"], KEYBROKER_STATE_DIR: state, ...options.env };
  return startChild([...command, ...args], { cwd: options.folder, env });
}

/** Starts the daemon and waits until its socket accepts. Throws, with what it said, when it ends before. */
export async function startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const folder = options.folder ?? daemonFolder();
  mkdirSync(folder, { recursive: true });
  const child = spawnDaemon({ ...options, folder });
  const socket = join(folder, options.socket ?? "state/keybroker.sock");
  await until(`the daemon's socket ${socket}`, async () => {
    const exit = child.exit();
    if (exit) throw new Error(`the daemon ended with ${exit.status ?? exit.signal}:\n${child.stderr()}`);
    return (await accepts(socket)) ? true : undefined;
  });
  const address = `unix:${socket}`;
  const end = (name: NodeJS.Signals) => {
    child.signal(name);
    return child.exited;
  };
  return {
    ...child,
    folder,
    address,
    env: { PATH: process.env["PATH"] ?? "", KEYBROKER_ADDRESS: address },
    kill: () => end("SIGKILL"),
    async stop() {
      const exit = await end("SIGTERM");
      if (!options.folder) rmSync(folder, { recursive: true, force: true });
      return exit;
    },
  };
}
