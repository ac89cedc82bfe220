import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { reasons } from "../../src/errors/index.ts";
import { Reason } from "../../src/proto/keybroker/v1/reason_pb.ts";

test("docs/api.md is made from the proto and the table of reasons as they are", () => {
  expect(() => execFileSync("node", ["scripts/api-doc.ts", "--check"], { stdio: "pipe" })).not.toThrow();
});

test("every reason of the proto has a row, and no row is without a reason", () => {
  const inProto = Object.keys(Reason).filter((name) => name !== "UNSPECIFIED");
  expect(Object.keys(reasons).sort()).toEqual(inProto.sort());
});
