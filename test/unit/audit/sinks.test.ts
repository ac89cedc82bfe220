// Sinks: what the files hold arrives at receivers, each record once, whatever stops and starts in between.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openAuditLog, type AuditRecord, type FileAuditLog } from "../../../src/audit/index.ts";
import { compress } from "../../../src/audit/retention.ts";
import { decodePosition, readPosition, writePosition } from "../../../src/audit/sinks/position-file.ts";
import { startSinks, type Sinks, type SinkSettings } from "../../../src/audit/sinks/index.ts";
import { octetCounted, syslogMessage } from "../../../src/audit/sinks/syslog-message.ts";
import { createAuthority } from "../../backends/certificates.ts";
import {
  collector,
  datagramReceiver,
  readMessage,
  streamReceiver,
  type OtlpLog,
  type SyslogMessage,
} from "./receivers.ts";
import { parts } from "./verified.ts";

let folder: string;
let log: FileAuditLog;
let ends: (() => unknown)[];
let told: string[];

const record = (call: number, more: Partial<AuditRecord> = {}): AuditRecord => {
  return { event: "result", call, identity: "restore", operation: "unwrap", key: "a/b", outcome: "done", ...more };
};

async function write(from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from }, (_, index) => log.append(record(from + index))));
}

function start(settings: SinkSettings): Sinks {
  const sinks = startSinks({
    folder,
    settings,
    version: "1.2.3",
    everyMs: 10,
    failed: (sink, code) => told.push(`${sink} failed ${code}`),
    recovered: (sink) => told.push(`${sink} recovered`),
  });
  ends.push(() => sinks.close());
  return sinks;
}

const syslog = (transport: "udp" | "tcp" | "tls", port: number, ca?: string): SinkSettings => ({
  syslog: { transport, host: "127.0.0.1", port, ca },
});

const lines = () =>
  parts(folder)
    .flatMap((part) => readFileSync(part, "utf8").split("\n"))
    .filter(Boolean);
const records = (messages: readonly SyslogMessage[]) =>
  messages.filter(({ event }) => event !== "checkpoint").map(({ line }) => line);
const arrived = (messages: readonly SyslogMessage[]) =>
  vi.waitFor(() => expect(records(messages)).toEqual(lines()), { timeout: 5_000, interval: 10 });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sinks-"));
  told = [];
  ends = [];
  log = await openAuditLog({ folder, denialsPerSecond: 100_000 });
  ends.push(() => log.close());
});

afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true });
});

describe("syslog", () => {
  it("over UDP is a message of RFC 5424 a record, with the line whole in it", async () => {
    const receiver = await datagramReceiver();
    ends.push(() => receiver.stop());
    start(syslog("udp", receiver.port));
    await log.append(record(1, { identity: 'a"]b\\', outcome: "DENIED" }));
    await arrived(receiver.messages);
    const [opened, denied] = receiver.messages;
    expect(opened).toMatchObject({ priority: 110, app: "keybroker", event: "log-opened" });
    expect(denied).toMatchObject({ priority: 108, event: "result", time: expect.stringMatching(/^2.*Z$/) as string });
    expect(denied!.element).toBe(
      `[keybroker@32473 log="${log.log}" seq="1" call="1" identity="a\\"\\]b\\\\" operation="unwrap" key="a/b" outcome="DENIED"]`,
    );
  });

  it("over TCP counts octets, and brings thousands in their order", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    const sinks = start(syslog("tcp", receiver.port));
    await log.append(record(0, { context: { host: "größer\u2028" } }));
    await write(1, 3_000);
    await arrived(receiver.messages);
    await vi.waitFor(() => expect(sinks.states()).toMatchObject([{ sink: "syslog", sent: 3_002, lagBytes: 0 }]));
  });

  it("over TLS goes to whom the authority vouches for, and to nobody else", async () => {
    const authority = await createAuthority(folder, "authority");
    const files = await authority.issue("receiver", [{ type: "ip", value: "127.0.0.1" }]);
    const [cert, key] = [readFileSync(files.cert, "utf8"), readFileSync(files.key, "utf8")];
    const receiver = await streamReceiver(0, { cert, key });
    ends.push(() => receiver.stop());
    const strange = start({ syslog: { transport: "tls", host: "127.0.0.1", port: receiver.port } });
    await vi.waitFor(() => expect(told).toHaveLength(1));
    expect(receiver.messages).toEqual([]);
    await strange.close();
    start(syslog("tls", receiver.port, authority.ca));
    await arrived(receiver.messages);
  });

  it("that is down blocks no call, is told once, and gets everything when it is back", async () => {
    const receiver = await streamReceiver();
    await receiver.stop();
    const sinks = start(syslog("tcp", receiver.port));
    await write(0, 500);
    await vi.waitFor(() => expect(sinks.states()[0]!.failures).toBeGreaterThan(1), { timeout: 5_000 });
    expect(sinks.states()[0]).toMatchObject({ sent: 0, failing: true });
    expect(sinks.states()[0]!.lagBytes).toBe(Buffer.byteLength(`${lines().join("\n")}\n`));
    const back = await streamReceiver(receiver.port);
    ends.push(() => back.stop());
    await arrived(back.messages);
    await vi.waitFor(() => expect(told).toEqual(["syslog failed ECONNREFUSED", "syslog recovered"]));
  });

  it("whose connection breaks misses nothing: what may have been under way comes again", async () => {
    const first = await streamReceiver();
    start(syslog("tcp", first.port));
    await write(0, 200);
    await arrived(first.messages);
    await first.stop();
    const second = await streamReceiver(first.port);
    ends.push(() => second.stop());
    await write(200, 300);
    const all = () => new Set([...records(first.messages), ...records(second.messages)]);
    await vi.waitFor(() => expect(all()).toEqual(new Set(lines())), { timeout: 5_000 });
    const again = records(second.messages).filter((line) => records(first.messages).includes(line));
    expect(again.length).toBeLessThanOrEqual(201);
  });

  it("gets the checkpoints too, with their notes whole", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    start(syslog("tcp", receiver.port));
    await write(0, 10);
    await log.close();
    const found = () => receiver.messages.filter(({ event }) => event === "checkpoint");
    await vi.waitFor(() => expect(found()).toHaveLength(2));
    const notes = found().map(({ line }) => JSON.parse(line) as { size: number; note: string });
    expect(notes.map(({ size }) => size)).toEqual([1, 11]);
    const kept = join(folder, `${parts(folder)[0]!.split("/").at(-1)!.split(".")[0]}.checkpoints`);
    expect(notes.map(({ note }) => `${note}\n`).join("")).toBe(readFileSync(kept, "utf8"));
  });
});

describe("a restart", () => {
  it("goes on where it was: nothing is lost, nothing comes twice", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    const first = start(syslog("tcp", receiver.port));
    await write(0, 100);
    await arrived(receiver.messages);
    await first.close();
    await write(100, 200);
    start(syslog("tcp", receiver.port));
    await arrived(receiver.messages);
  });

  it("sends what stands there before it ends", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    const sinks = start(syslog("tcp", receiver.port));
    await arrived(receiver.messages);
    await write(0, 50);
    await sinks.close();
    await arrived(receiver.messages);
  });

  it("finds its place in a part that was compressed meanwhile", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    const first = start(syslog("tcp", receiver.port));
    await write(0, 100);
    await arrived(receiver.messages);
    await first.close();
    await write(100, 150);
    await log.close();
    const expected = lines();
    await compress(parts(folder)[0]!);
    const sinks = start(syslog("tcp", receiver.port));
    await vi.waitFor(() => expect(records(receiver.messages)).toEqual(expected));
    await vi.waitFor(() => expect(sinks.states()[0]!.lagBytes).toBe(0));
  });

  it("of two processes over one folder, one sends, and the other takes over from it", async () => {
    const receiver = await streamReceiver();
    ends.push(() => receiver.stop());
    const one = start(syslog("tcp", receiver.port));
    await arrived(receiver.messages);
    const other = start(syslog("tcp", receiver.port));
    await write(0, 50);
    await arrived(receiver.messages);
    expect(other.states()[0]!.sent).toBe(0);
    await one.close();
    await write(50, 100);
    await arrived(receiver.messages);
    expect(other.states()[0]!.sent).toBeGreaterThan(49);
  });
});

describe("a position", () => {
  it("is read as it was written", async () => {
    const path = join(folder, "p");
    const position = new Map([
      ["a.jsonl", 12],
      ["b.jsonl", Infinity],
    ]);
    await writePosition(path, position);
    expect(await readPosition(path)).toEqual(position);
    writeFileSync(path, "{half");
    expect(await readPosition(path)).toEqual(new Map());
  });

  it.each(["", "null", "[1]", '{"a":-1,"b":"some","c":1.5,"d":{}}'])("that is none is the beginning: %s", (text) => {
    expect(decodePosition(text)).toEqual(new Map());
  });
});

describe("OpenTelemetry", () => {
  it("gets each record as a log: its time, severity, attributes, and the line as its body", async () => {
    const { endpoint, logs, state, stop } = await collector();
    ends.push(stop);
    start({ otlp: { endpoint } });
    await log.append(record(7, { outcome: "DENIED", details: { a: "b" } }));
    await vi.waitFor(() => expect(bodies(logs)).toEqual(lines()), { timeout: 5_000 });
    expect([...state.services]).toEqual(["keybroker"]);
    const denied = logs.find(({ severityText }) => severityText === "WARN")!;
    expect(denied).toMatchObject({ severityText: "WARN", eventName: "keybroker.audit.result" });
    const { time } = JSON.parse(lines().at(-1)!) as { time: string };
    expect(BigInt(denied.timeUnixNano)).toBe(BigInt(Date.parse(time)) * 1_000_000n);
    const attributes = Object.fromEntries(denied.attributes.map(({ key, value }) => [key, value]));
    expect(attributes).toMatchObject({
      "keybroker.identity": { stringValue: "restore" },
      "keybroker.seq": { intValue: 1 },
      "keybroker.outcome": { stringValue: "DENIED" },
    });
  });

  it("that refuses gets everything once it takes it", async () => {
    const { endpoint, logs, state, stop } = await collector();
    ends.push(stop);
    state.refusing = true;
    start({ otlp: { endpoint } });
    await write(0, 20);
    await vi.waitFor(() => expect(state.refused).toBeGreaterThan(0), { timeout: 5_000 });
    state.refusing = false;
    await vi.waitFor(() => expect(bodies(logs)).toEqual(lines()), { timeout: 5_000 });
  });
});

/** The records among logs. */
function bodies(logs: readonly OtlpLog[]): (string | undefined)[] {
  return logs.filter(({ eventName }) => !eventName?.endsWith(".checkpoint")).map(({ body }) => body.stringValue);
}

describe("a message", () => {
  it("holds whatever a record holds, in fields that end where they should", () => {
    const line = '{"x":"\\u2028 ] \\" 🔑"}';
    const fields = { time: "2026\n01 02", event: "re sult\n", identity: '"]\\\n', key: 5, outcome: "done" };
    const read = readMessage(syslogMessage({ line, fields }));
    expect(read).toMatchObject({ line, time: "20260102", event: "result", priority: 110 });
    expect(read.element).toBe('[keybroker@32473 identity="\\"\\]\\\\\n" key="5" outcome="done"]');
    expect(readMessage(syslogMessage({ line: "no record", fields: {} }))).toMatchObject({ time: "-", element: "-" });
    expect(octetCounted("ü🔑")).toBe("6 ü🔑");
  });
});
