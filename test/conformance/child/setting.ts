// A provider in a child, for a test: the faulty module, short delays, and what can be seen of the process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { remoteProvider } from "../../../src/provider/child/remote.ts";
import { Supervisor, tempo } from "../../../src/provider/child/supervisor.ts";
import type { Tempo } from "../../../src/provider/child/supervisor.ts";
import { bindingOf } from "../../../src/provider/index.ts";
import type { MasterKey, Notice, Provider } from "../../../src/provider/index.ts";
import { readIfThere } from "../../backends/proc.ts";
import { until } from "../../backends/until.ts";

/** What a test may change. */
export interface SettingOptions {
  readonly settings?: object;
  readonly killAfterMs?: number;
  readonly times?: Partial<Tempo>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A provider and its child. */
export interface Setting {
  readonly provider: Provider;
  readonly notices: Notice[];
  key(name: string): Promise<MasterKey>;
  /** The child that was opened last; undefined before the first. */
  pid(): number | undefined;
  /** How often the provider was opened. */
  starts(): number;
  /** Lines that `setVersionState` wrote. */
  states(): string;
  /** Waits for the next opening after so many. */
  restarted(starts: number): Promise<number>;
  end(): Promise<void>;
}

/** A signal that nobody aborts. */
export const never = new AbortController().signal;

/** A binding like the broker's. */
export const binding = bindingOf({
  suite: 1,
  realm: "test",
  key: "a/key",
  branchId: Buffer.alloc(16, 5),
  share: 1,
  threshold: 1,
  recipients: 1,
});

/** Whether a process runs. A zombie has no command line. */
export const runs = (pid: number): boolean => readIfThere(`/proc/${pid}/cmdline`).length > 0;

/** Opens the faulty provider in a child, with restarts after 20 ms. */
export async function openFaulty(options: SettingOptions = {}): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), "child-"));
  const pidFile = join(folder, "pid");
  const notices: Notice[] = [];
  const times = { ...tempo, firstDelayMs: 20, ...options.times };
  const supervisor = new Supervisor(
    {
      kind: "faulty",
      module: new URL("faulty-child.ts", import.meta.url),
      settings: { pidFile, ...options.settings },
      killAfterMs: options.killAfterMs ?? 300,
      environment: options.environment,
      notify: (notice) => notices.push(notice),
    },
    times,
  );
  const provider = remoteProvider(supervisor);
  const starts = () => readIfThere(`${pidFile}.starts`).length;
  const end = async () => {
    await provider.close();
    rmSync(folder, { recursive: true });
  };
  await supervisor.opened().catch((error: unknown) => {
    rmSync(folder, { recursive: true });
    throw error;
  });
  return {
    provider,
    notices,
    key: (name) => provider.masterKey({ name }, never),
    pid: () => Number(readIfThere(pidFile).toString()) || undefined,
    starts,
    states: () => readIfThere(`${pidFile}.states`).toString(),
    restarted: (before) => until("another start", () => (starts() > before ? starts() : undefined)),
    end,
  };
}
