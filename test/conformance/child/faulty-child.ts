// A provider for a child process that does what a master key's name says: hangs, ends, lies, floods.

import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { BrokerError } from "../../../src/errors/index.ts";
import type { ChildModule } from "../../../src/provider/child/index.ts";
import type { MasterKey, Notify, Protection, Provider, SecretSource } from "../../../src/provider/index.ts";

/** What the tests pass. */
export interface FaultySettings {
  /** Written at every start: the process, so that tests can look at it. */
  readonly pidFile: string;
  readonly openFault?: string;
  readonly secret?: SecretSource;
  readonly nested?: { readonly list: readonly { readonly secret: SecretSource }[] };
  /** The master key's id, read from a file at each resolution. */
  readonly idFile?: string;
}

const pipeDescriptor = 3;
const mask = 0x5a;
const masked = (bytes: Uint8Array) => new Uint8Array(bytes).map((byte) => byte ^ mask);

/** A call that no other thread can end, and that uses no processor: as a native library waits for its device. */
function block(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const wilds: Record<string, (signal: AbortSignal) => unknown> = {
  block,
  never: () => new Promise(() => undefined),
  late: async (signal) => {
    while (!signal.aborted) await setTimeout(5);
  },
  exit: () => process.exit(3),
  crash: () => process.kill(process.pid, "SIGSEGV"),
  uncaught: () => {
    queueMicrotask(() => {
      throw new RangeError("a message with hunter2 in it");
    });
    return new Promise(() => undefined);
  },
  garbage: () => {
    writeSync(pipeDescriptor, createHash("sha512").update("garbage").digest());
    return new Promise(() => undefined);
  },
  "huge frame": () => {
    writeSync(pipeDescriptor, Buffer.from([0xff, 0xff, 0xff, 0xff]));
    return new Promise(() => undefined);
  },
  "unasked answer": () => {
    const text = '{"id":999999,"value":{}}';
    writeSync(pipeDescriptor, Buffer.from([0, 0, 0, 5 + text.length, 0, 0, 0, text.length, 0]));
    writeSync(pipeDescriptor, text);
    return new Promise(() => undefined);
  },
  flood: () => {
    // Whole frames of notices, as fast as the pipe takes them.
    const text = '{"notice":{"topic":"flood","level":"warning","message":"again"}}';
    const frame = Buffer.alloc(9 + text.length);
    frame.writeUInt32BE(5 + text.length, 0);
    frame.writeUInt32BE(text.length, 4);
    frame.write(text, 9);
    for (const end = Date.now() + 300; Date.now() < end;) tryWrite(frame);
  },
  "stderr flood": () => {
    const line = Buffer.from(`${"x".repeat(1_000)}\n`);
    for (let lines = 0; lines < 20_000; lines++) writeSync(2, line);
    writeSync(2, "the last line\n");
    process.exit(4);
  },
  refuse: () => {
    throw new BrokerError("PROVIDER_UNAVAILABLE", "the device is busy", {
      retryAfterMs: 250,
      cause: Object.assign(new Error("PIN hunter2 at the device"), { code: "CKR_DEVICE_ERROR" }),
    });
  },
  unmapped: () => {
    throw Object.assign(new TypeError("cannot read hunter2"), { code: "ERR_DEVICE" });
  },
};

function tryWrite(frame: Buffer): void {
  try {
    writeSync(pipeDescriptor, frame);
  } catch {
    // The pipe is full: the daemon is slower.
  }
}

function open(settings: FaultySettings, notify?: Notify): Promise<Provider> {
  return new Promise((resolve) => resolve(openNow(settings, notify)));
}

function openNow(settings: FaultySettings, notify?: Notify): Provider {
  writeFileSync(settings.pidFile, String(process.pid));
  if (settings.openFault === "exit") process.exit(5);
  if (settings.openFault === "throw") throw new BrokerError("REQUEST_INVALID", "the settings cannot be right");
  if (settings.openFault === "block") block();
  // Fails as long as the file is there.
  if (settings.openFault?.startsWith("/") && existsSync(settings.openFault)) process.exit(6);
  appendFileSync(`${settings.pidFile}.starts`, "x");
  notify?.({ topic: "backend", level: "warning", message: "the backend is old" });
  return {
    masterKey: async (reference, signal) => {
      const { name } = reference as { name: string };
      if (name === "unresolvable") await wilds["never"]!(signal);
      const id = settings.idFile === undefined ? name : readFileSync(settings.idFile, "utf8");
      return masterKey(id, name, settings, [masterKey(`${id}-old`, name, settings)]);
    },
    async *examine(references) {
      yield { check: "environment", outcome: "note", detail: Object.keys(process.env).sort().join(" ") };
      yield { check: "references", outcome: "good", detail: JSON.stringify(references) };
      for (const secret of [settings.secret, settings.nested?.list[0]?.secret].filter((one) => one !== undefined)) {
        const bytes = secret.read();
        const digest = createHash("sha256").update(bytes).digest("hex");
        bytes.fill(0);
        yield { check: secret.describe(), outcome: "good", detail: `${digest} ${JSON.stringify(secret)}` };
      }
      await setTimeout(1);
    },
    close: () => Promise.resolve(),
  };
}

function masterKey(
  id: string,
  name: string,
  settings: FaultySettings,
  unwrapOnly: readonly MasterKey[] = [],
): MasterKey {
  let protection: Protection | undefined;
  const act = async (signal: AbortSignal) => {
    writeFileSync(`${settings.pidFile}.asked`, name);
    await wilds[name]?.(signal);
    protection = { level: "software", authenticated: true };
  };
  const key: MasterKey = {
    id,
    unwrapOnly,
    wrapLimit: 1_000,
    get protection() {
      return protection;
    },
    async wrap(material, binding, signal) {
      await act(signal);
      const pairs = Object.keys(binding.pairs).length;
      return { wrapped: masked(material), scheme: 1, version: `${pairs} ${binding.bytes.toString("latin1")}` };
    },
    async unwrap(wrapped, scheme, _, signal) {
      await act(signal);
      const material = Buffer.alloc(wrapped.length);
      material.set(masked(wrapped));
      return { material, version: String(scheme), rewrapDue: scheme === 2 };
    },
    probe: act,
    versions: () =>
      Promise.resolve([
        { version: "1", state: "disabled", createdAt: new Date(0) },
        { version: "2", state: "primary" },
      ]),
    rotate: () => Promise.resolve("3"),
    setVersionState: (version, state) => {
      if (version === "9") throw new BrokerError("REQUEST_INVALID", "there is no version 9");
      appendFileSync(`${settings.pidFile}.states`, `${version} ${state}\n`);
      return Promise.resolve();
    },
  };
  return key;
}

export default { open } satisfies ChildModule;
