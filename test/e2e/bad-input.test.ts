// What callers and configurations get wrong, against the built program: one stable reason each, and no harm done.

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../src/proto/google/rpc/error_details_pb.ts";
import { StatusSchema, type Status } from "../../src/proto/google/rpc/status_pb.ts";
import { BatchRequestSchema, BatchResponseSchema } from "../../src/proto/keybroker/v1/key_service_pb.ts";
import * as proto from "../../src/proto/keybroker/v1/operation_pb.ts";
import { findCanaries } from "../backends/canary.ts";
import { daemonFolder, spawnDaemon, startDaemon, type Daemon } from "../backends/daemon.ts";
import { keybroker } from "../backends/keybroker.ts";
import { configuration, masterKeyFile } from "../backends/master-keys.ts";

const folder = daemonFolder();
const ours = masterKeyFile(folder, "ours");
const theirs = masterKeyFile(folder, "theirs");
const key = "backups/files";
const plaintext = randomBytes(32);
const context = { host: "db1" };
const text = configuration({ "1": `file:${ours.path}` }, "1");
let daemon: Daemon;
let client: Client;
let envelope: Uint8Array;
let foreignRealm: Uint8Array;
let foreignKey: Uint8Array;

const same = (bytes: Buffer): Buffer => bytes;

/** Sends bytes as they are. */
function call(method: string, request: Uint8Array, to = client): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const path = `/keybroker.v1.KeyService/${method}`;
    to.makeUnaryRequest(path, same, same, Buffer.from(request), (error, answer) =>
      error ? reject(error) : resolve(answer!),
    );
  });
}

function reasonOf(status: Status): string | undefined {
  return status.details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((info) => info)?.reason;
}

/** The reason of the error that such a call ends with. */
async function reason(method: string, request: Uint8Array): Promise<string | undefined> {
  const error = await call(method, request).then(
    () => expect.fail("the call was answered"),
    (thrown: unknown) => thrown as ServiceError,
  );
  const [details] = error.metadata.get("grpc-status-details-bin");
  return details ? reasonOf(fromBinary(StatusSchema, details as Buffer)) : undefined;
}

const wrapOf = (more: object = {}): Uint8Array =>
  toBinary(proto.WrapRequestSchema, create(proto.WrapRequestSchema, { key, plaintext, context, ...more }));
const unwrapOf = (bytes: Uint8Array, more: object = {}): Uint8Array =>
  toBinary(proto.UnwrapRequestSchema, create(proto.UnwrapRequestSchema, { envelope: bytes, context, ...more }));

async function wrapped(to: Client): Promise<Uint8Array> {
  return fromBinary(proto.WrapResponseSchema, await call("Wrap", wrapOf(), to)).envelope;
}

/** An envelope of a daemon with another configuration. */
async function wrappedElsewhere(name: string, other: string): Promise<Uint8Array> {
  const elsewhere = await startDaemon({ folder: join(folder, name), configuration: other, socket: "keybroker.sock" });
  const to = new Client(elsewhere.address, credentials.createInsecure());
  const made = await wrapped(to);
  to.close();
  await elsewhere.stop();
  return made;
}

beforeAll(async () => {
  foreignRealm = await wrappedElsewhere("r", text.replace("realm: test", "realm: other"));
  foreignKey = await wrappedElsewhere("k", configuration({ "1": `file:${theirs.path}` }, "1"));
  daemon = await startDaemon({ folder, configuration: text, socket: "keybroker.sock" });
  client = new Client(daemon.address, credentials.createInsecure());
  envelope = await wrapped(client);
});

afterAll(async () => {
  client.close();
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A copy with one byte changed. */
function changed(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  return Buffer.from(bytes).fill(value, offset, offset + 1);
}

describe("an envelope is refused, with one reason for all", () => {
  const thresholdAt = 5;
  test.each([
    ["with another context", () => unwrapOf(envelope, { context: { host: "db2" } })],
    ["without its context", () => unwrapOf(envelope, { context: {} })],
    ["under another key's name", () => unwrapOf(envelope, { key: "backups/other" })],
    ["truncated", () => unwrapOf(envelope.subarray(0, -1))],
    ["extended", () => unwrapOf(Buffer.concat([envelope, Buffer.of(0)]))],
    ["of no bytes", () => unwrapOf(new Uint8Array())],
    ["of another format", () => unwrapOf(randomBytes(300))],
    ["of another realm", () => unwrapOf(foreignRealm)],
    ["of a recipient that is not listed", () => unwrapOf(foreignKey)],
    ["with a threshold of none", () => unwrapOf(changed(envelope, thresholdAt, 0))],
    ["with a threshold over its recipients", () => unwrapOf(changed(envelope, thresholdAt, 2))],
  ])("%s", async (_what, request) => {
    expect(await reason("Unwrap", request())).toBe("ENVELOPE_REFUSED");
  });

  test("the threshold is where these tests think it is", () => {
    expect(envelope[thresholdAt]).toBe(1);
  });
});

describe("a request", () => {
  const large = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`n${index}`, "x".repeat(1_000)]));
  const field = (number: number, bytes: Uint8Array): Buffer =>
    Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);

  test.each([
    ["for a key that is not there", wrapOf({ key: "backups/none" }), "DENIED"],
    ["for a key that is another's", wrapOf({ key: "payments" }), "DENIED"],
    ["with .. in the key's name", wrapOf({ key: "backups/../files" }), "REQUEST_INVALID"],
    ["with a space in the key's name", wrapOf({ key: "backups/my files" }), "REQUEST_INVALID"],
    ["with upper case in the key's name", wrapOf({ key: "Backups/files" }), "REQUEST_INVALID"],
    ["with an empty data key", wrapOf({ plaintext: new Uint8Array() }), "REQUEST_INVALID"],
    ["with a data key over 64 KiB", wrapOf({ plaintext: new Uint8Array(65_537) }), "REQUEST_INVALID"],
    ["with a context over 4 KiB", wrapOf({ context: large }), "REQUEST_INVALID"],
    ["with a context value over 1,024 bytes", wrapOf({ context: { a: "x".repeat(1_025) } }), "REQUEST_INVALID"],
    ["without the context that the key asks for", wrapOf({ context: {} }), "REQUEST_INVALID"],
    ["with a field that is not known", Buffer.concat([wrapOf(), field(15, plaintext)]), "FIELD_UNKNOWN"],
    ["with invalid UTF-8", field(1, Buffer.of(0xc3, 0x28)), "REQUEST_INVALID"],
    ["that is no message", Buffer.of(0xff, 0xff), "REQUEST_INVALID"],
  ])("%s", async (_what, request, expected) => {
    expect(await reason("Wrap", request)).toBe(expected);
  });

  test("without an operation fails alone; the call beside it is answered", async () => {
    const wrap = { case: "wrap" as const, value: { key, plaintext, context } };
    const request = create(BatchRequestSchema, { calls: [{ id: 1n }, { id: 2n, operation: wrap }] });
    const answer = await call("Batch", toBinary(BatchRequestSchema, request));
    const [unset, good] = fromBinary(BatchResponseSchema, answer).results.map(({ result }) => result);
    expect(unset!.case === "error" && reasonOf(unset!.value)).toBe("REQUEST_INVALID");
    expect(good!.case).toBe("wrap");
  });

  test("over 4 MiB is refused by the transport, before it is read", async () => {
    const error: unknown = await call("Wrap", new Uint8Array((4 << 20) + 1)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 8, details: expect.stringMatching(/larger than max/) as string });
  });
});

describe("a configuration", () => {
  test.each([
    ["with a tab", text.replace("  local:\n", "\tlocal:\n"), /keybroker\.yaml:4:\d+: .*tab/i],
    ["with an unset variable", text.replace(`file:${ours.path}`, "${KEYBROKER_TEST_UNSET}"), /KEYBROKER_TEST_UNSET/],
    ["with a file that is missing", text.replace(ours.path, `${ours.path}-none`), /ours-none/],
  ])("%s keeps the daemon from starting, by its place", async (name, wrong, message) => {
    const own = join(folder, name.replaceAll(" ", "-"));
    mkdirSync(own);
    const child = spawnDaemon({ folder: own, configuration: wrong });
    expect(await child.exited).toMatchObject({ status: 2 });
    expect(child.stderr()).toMatch(message);
    expect(child.stderr()).not.toMatch(/\n\s+at /);
  });

  test("that is not there is one line", async () => {
    const ran = await keybroker(["serve", "--config", join(folder, "none.yaml")], { env: daemon.env });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(/^[^\n]*none\.yaml: this file is not there\n$/);
  });
});

test("afterwards the daemon is unharmed, nothing is lost, and no secret was written down", async () => {
  expect(daemon.exit()).toBeUndefined();
  const { plaintext: opened } = fromBinary(proto.UnwrapResponseSchema, await call("Unwrap", unwrapOf(envelope)));
  expect(Buffer.compare(opened, plaintext)).toBe(0);
  const audit = readdirSync(join(folder, "audit")).map((name) => readFileSync(join(folder, "audit", name)));
  const records = Buffer.concat(audit);
  const places = new Map([
    ["the log", Buffer.from(daemon.stdout() + daemon.stderr())],
    ["the audit", records],
  ]);
  const canaries = [
    { name: "data key", bytes: plaintext },
    { name: "master key", bytes: ours.bytes },
  ];
  expect(findCanaries(canaries, places)).toEqual([]);
  expect(records.toString()).toMatch(/DENIED/);
  expect(records.toString()).toMatch(/ENVELOPE_REFUSED/);
  expect(daemon.stderr()).not.toMatch(/"level":"error"|unexpected|uncaught/i);
});
