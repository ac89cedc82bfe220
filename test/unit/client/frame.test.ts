// Frames as the library writes them, read by protobuf-es; addresses; the rule of retries.

import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { parseAddress } from "../../../src/client/address.ts";
import { KeybrokerError, ownError } from "../../../src/client/error.ts";
import { callOverheadBytes, encodeFrame } from "../../../src/client/frame.ts";
import { judge, type Failure } from "../../../src/client/retry.ts";
import { reasons, type Reason } from "../../../src/errors/reason.ts";
import { KeyService, SessionRequestSchema } from "../../../src/proto/keybroker/v1/key_service_pb.ts";
import { RewrapRequestSchema } from "../../../src/proto/keybroker/v1/operation_pb.ts";

const call = fc.record({
  id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  operation: fc.constantFrom("wrap", "unwrap", "generateDataKey", "rewrap", "check", "inspect"),
  request: fc.uint8Array({ maxLength: 300 }),
  timeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
});

describe("encodeFrame", () => {
  test.prop([fc.array(call, { minLength: 1, maxLength: 20 })])("is what protobuf-es reads back", (calls) => {
    const encoded = calls.map((one) => ({ ...one, request: requestOf(one.request) }));
    const frame = encodeFrame(encoded);
    const read = fromBinary(SessionRequestSchema, frame).calls;
    expect(read.map(({ id }) => Number(id))).toEqual(calls.map(({ id }) => id));
    expect(read.map((one) => one.operation.case)).toEqual(calls.map((one) => one.operation));
    expect(read.map(({ timeout }) => Number(timeout!.seconds) * 1000 + timeout!.nanos / 1e6)).toEqual(
      calls.map(({ timeoutMs }) => timeoutMs),
    );
    const room = encoded.reduce((sum, { request }) => sum + request.length + callOverheadBytes, 0);
    expect(frame.length).toBeLessThanOrEqual(room);
    for (const [index, one] of read.entries())
      expect(toBinary(KeyService.method[one.operation.case!].input, one.operation.value!)).toEqual(
        encoded[index]!.request,
      );
  });
});

/** Bytes that every request message accepts: field 1 is a string or bytes, so ASCII fits both. */
function requestOf(bytes: Uint8Array): Uint8Array {
  const envelope = bytes.map((byte) => 33 + (byte % 90));
  return toBinary(RewrapRequestSchema, create(RewrapRequestSchema, { envelope }));
}

describe("parseAddress", () => {
  test.each([
    ["unix:/run/kb.sock", "unix:/run/kb.sock", "/run/kb.sock"],
    ["unix:///run/kb.sock", "unix:/run/kb.sock", "/run/kb.sock"],
    ["unix:kb.sock", `unix:${process.cwd()}/kb.sock`, `${process.cwd()}/kb.sock`],
    ["kb.example:7443", "dns:kb.example:7443", undefined],
    ["[::1]:7443", "dns:[::1]:7443", undefined],
  ])("%s", (text, target, socketPath) => {
    expect(parseAddress(text)).toMatchObject({ target, socketPath });
  });

  test.each([
    "",
    "unix:",
    "host",
    "host:",
    "host:0",
    "host:65536",
    "http://host:1",
    "a b:1",
    `unix:/${"x".repeat(107)}`,
  ])("%j is refused", (text) => {
    expect(() => parseAddress(text)).toThrow(TypeError);
  });
});

describe("judge", () => {
  const failure = (error: KeybrokerError, rest: Partial<Failure> = {}): Failure => ({
    error,
    attempts: 1,
    maxAttempts: 4,
    elapsedMs: 0,
    unreachableMs: 2_000,
    remainingMs: 60_000,
    backOffMs: 0,
    ...rest,
  });
  const names = Object.keys(reasons) as Reason[];

  test.each(names)("%s follows the table", (reason) => {
    const verdict = judge(failure(ownError(reason, "")));
    const rule = reasons[reason].retry;
    if (rule === "no") expect(verdict).toEqual({ retry: false });
    else expect(verdict).toMatchObject({ retry: true, where: rule === "hint" ? "same" : "any" });
  });

  test("a hint is kept, and a second is the default", () => {
    const hinted = new KeybrokerError("UNAVAILABLE", "", { reason: "PROVIDER_UNAVAILABLE", retryAfterMs: 3_000 });
    for (let round = 0; round < 50; round++) {
      expect((judge(failure(hinted)) as { delayMs: number }).delayMs).toBeGreaterThanOrEqual(3_000);
      expect((judge(failure(ownError("QUOTA", ""))) as { delayMs: number }).delayMs).toBeGreaterThanOrEqual(1_000);
    }
  });

  test("a retry beyond the deadline or the last attempt is none", () => {
    expect(judge(failure(ownError("QUOTA", ""), { remainingMs: 900 }))).toEqual({ retry: false });
    expect(judge(failure(ownError("DRAINING", ""), { attempts: 4 }))).toEqual({ retry: false });
  });

  test("a daemon that cannot be reached is looked for a while, one that answers errors is not", () => {
    const gone = new KeybrokerError("UNAVAILABLE", "");
    expect(judge(failure(gone, { attempts: 9, elapsedMs: 1_999 })).retry).toBe(true);
    expect(judge(failure(gone, { attempts: 9, elapsedMs: 2_000 })).retry).toBe(false);
    expect(judge(failure(ownError("AUDIT_UNAVAILABLE", ""), { attempts: 9 })).retry).toBe(false);
  });

  test("of the transport's failures only UNAVAILABLE is tried again", () => {
    for (const status of ["UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL", "DEADLINE_EXCEEDED"] as const)
      expect(judge(failure(new KeybrokerError(status, ""))).retry).toBe(status === "UNAVAILABLE");
  });
});
