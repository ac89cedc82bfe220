// A daemon whose clock and whose idea of the backend's address a test can put wrong while it runs.

import { globSync, readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { debianProgram, onPath } from "../backends/available.ts";
import type { Program } from "../backends/available.ts";
import { daemonFolder, program, startDaemon } from "../backends/daemon.ts";
import type { Daemon } from "../backends/daemon.ts";
import { until } from "../backends/until.ts";
import { backendHost } from "./subject.ts";

/** libfaketime, by the path of its library. */
export const faketime: Program = {
  ...debianProgram("faketime"),
  find: () => globSync("/usr/lib/{*/,}faketime/libfaketime.so.1")[0],
};

/** A mount namespace, for a hosts file of the daemon's own: the kernel may keep it from us, in a container. */
export const ownHosts: Program = {
  name: "a mount namespace of our own",
  hint: "let processes unshare namespaces: kernel.unprivileged_userns_clone=1, or docker run --security-opt seccomp=unconfined",
  find: () => (spawnSync("unshare", ["-rm", "true"]).status === 0 ? onPath("unshare") : undefined),
  install: () => undefined,
};

/** A daemon under test. */
export interface FaultDaemon extends Daemon {
  /** Sets its clock so many seconds ahead of ours. Only with libfaketime. */
  setClock(aheadSeconds: number): void;
  /** Whether `backendHost` is 127.0.0.1 for it, or unknown. Only with a mount namespace. */
  resolve(known: boolean): void;
  /** Puts another configuration in force. */
  reload(configuration: string): Promise<void>;
}

/** Which of the two it can do here. */
export interface Able {
  readonly faketime: string | undefined;
  readonly ownHosts: boolean;
}

/** Bound over /etc/hosts in a namespace of its own; the leash is put on anew, since unshare takes it off. */
const withHosts = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';

/** Starts it with a configuration in which paths are relative to its folder. `stop` and `kill` leave the folder. */
export async function startFaultDaemon(
  configuration: string,
  environment: Readonly<Record<string, string>>,
  able: Able,
): Promise<FaultDaemon> {
  const folder = daemonFolder();
  const clock = join(folder, "clock");
  const hosts = join(folder, "hosts");
  const setClock = (aheadSeconds: number) => writeFileSync(clock, `+${aheadSeconds}\n`);
  const resolve = (known: boolean) => writeFileSync(hosts, hostsText(known));
  setClock(0);
  resolve(true);
  const leash = onPath("setpriv") ? ["setpriv", "--pdeathsig", "KILL", "--"] : [];
  const namespace = able.ownHosts ? ["unshare", "-rm", "--", "sh", "-c", withHosts, "sh", hosts, ...leash] : [];
  const daemon = await startDaemon({
    folder,
    configuration,
    socket: "keybroker.sock",
    env: { ...environment, ...(able.faketime ? clockVariables(able.faketime, clock) : {}) },
    command: [...namespace, process.execPath, program],
  });
  return { ...daemon, setClock, resolve, reload: (text) => reload(daemon, text) };
}

async function reload(daemon: Daemon, configuration: string): Promise<void> {
  const loaded = () => daemon.stderr().split('"event":"configuration-loaded"').length;
  const before = loaded();
  writeFileSync(join(daemon.folder, "keybroker.yaml"), configuration, { mode: 0o600 });
  daemon.signal("SIGHUP");
  await until("the reload", () => (loaded() > before ? true : undefined));
}

/** The monotonic clock, which timers run by, stays true: a machine's clock that is set does not touch it either. */
function clockVariables(library: string, clock: string): Record<string, string> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_DISABLE_SHM: "1",
  };
}

/** Written in place: a new file would not be the one that is mounted. */
function hostsText(known: boolean): string {
  const own = readFileSync("/etc/hosts", "utf8");
  return known ? `${own}\n127.0.0.1 ${backendHost}\n` : own;
}
