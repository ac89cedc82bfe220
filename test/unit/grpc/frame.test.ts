import { expect, test } from "vitest";
import type { Result } from "../../../src/proto/keybroker/v1/call_pb.ts";
import { encodeBatch, encodeFrames } from "../../../src/server/grpc/frame.ts";

function unwrapped(count: number): { results: Result[]; dataKeys: Uint8Array<ArrayBuffer>[] } {
  const dataKeys = Array.from({ length: count }, () => new Uint8Array(1000).fill(7));
  const results = dataKeys.map((plaintext, id): Result => {
    const value = { $typeName: "keybroker.v1.UnwrapResponse", plaintext, key: "k", rewrapDue: false } as const;
    return { $typeName: "keybroker.v1.Result", id: BigInt(id), result: { case: "unwrap", value } };
  });
  return { results, dataKeys };
}

test("every data key of a Batch is wiped, those that no longer fitted too", () => {
  const { results, dataKeys } = unwrapped(10);
  expect(encodeBatch(results, 8000).length).toBeLessThanOrEqual(8000);
  for (const dataKey of dataKeys) expect(dataKey.every((byte) => byte === 0)).toBe(true);
});

test("results that pass a message's limit go in several, and every data key is wiped", () => {
  const { results, dataKeys } = unwrapped(10);
  const frames = encodeFrames(results, 4000);
  expect(frames.length).toBeGreaterThan(2);
  for (const frame of frames) expect(frame.length).toBeLessThanOrEqual(4000);
  for (const dataKey of dataKeys) expect(dataKey.every((byte) => byte === 0)).toBe(true);
});
