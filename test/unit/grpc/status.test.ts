import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { BrokerError } from "../../../src/errors/index.ts";
import { RetryInfoSchema } from "../../../src/proto/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../src/proto/google/rpc/status_pb.ts";
import { serviceError } from "../../../src/server/grpc/status.ts";

describe("a hint when to try again", () => {
  test.each([
    [0.25, 1],
    [1_234.5, 1_235],
    [86_399_999.999, 86_400_000],
  ])("of %d ms goes out as %d whole ones", (retryAfterMs, sentMs) => {
    const { metadata } = serviceError(new BrokerError("QUOTA", "spent", { retryAfterMs }));
    const status = fromBinary(StatusSchema, metadata.get("grpc-status-details-bin")[0] as Buffer);
    const [info] = status.details.map((any) => anyUnpack(any, RetryInfoSchema)).filter((found) => found !== undefined);
    expect(durationMs(info!.retryDelay!)).toBe(sentMs);
  });
});
