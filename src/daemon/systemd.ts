// Word to systemd (sd_notify): that the daemon is ready, reloads, lives, stops.

import { spawn } from "node:child_process";

/** What is told to the service manager. Nothing happens where there is none. */
export interface ServiceManager {
  ready(status: string): Promise<void>;
  /** Before a reload; `ready` ends it. */
  reloading(): Promise<void>;
  stopping(): Promise<void>;
  /** Ends the watchdog's beat. */
  close(): void;
}

/** How words are sent; resolves when they are on their way, and never rejects. */
export type Send = (words: readonly string[]) => Promise<void>;

/**
 * Finds the service manager in the environment. The watchdog's beat is a timer of this event loop, at half its
 * interval: a loop that is stuck is silent.
 */
export function createServiceManager(environment: NodeJS.ProcessEnv, send: Send = sendByProgram): ServiceManager {
  if (!environment["NOTIFY_SOCKET"]) return absent;
  const intervalMs = watchdogIntervalMs(environment);
  const beat = intervalMs === undefined ? undefined : setInterval(() => void send(["WATCHDOG=1"]), intervalMs / 2);
  return {
    ready: (status) => send(["READY=1", `STATUS=${status}`]),
    reloading: () => send(["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]),
    stopping: () => send(["STOPPING=1"]),
    close: () => clearInterval(beat),
  };
}

const nothing = () => Promise.resolve();
const absent: ServiceManager = { ready: nothing, reloading: nothing, stopping: nothing, close() {} };

/** WATCHDOG_USEC, if it is meant for this process: sd_watchdog_enabled(3). */
function watchdogIntervalMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return undefined;
  const interval = Number(WATCHDOG_USEC ?? 0) / 1000;
  return interval > 0 ? interval : undefined;
}

/** Longer than systemd-notify ever takes, shorter than any watchdog's patience. */
const sendTimeoutMs = 5_000;

/**
 * Node has no unix datagram sockets; systemd's own program has, and is wherever systemd is. The words come from a child
 * then, so the unit says NotifyAccess=all.
 */
function sendByProgram(words: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn("systemd-notify", words, { stdio: "ignore", timeout: sendTimeoutMs });
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
}
