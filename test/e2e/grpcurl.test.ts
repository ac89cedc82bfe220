// grpcurl without a proto file: what reflection and health promise to operators.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { available } from "../backends/available.ts";
import { startDaemon, type Daemon } from "../backends/daemon.ts";
import { grpcurl } from "../backends/grpcurl.ts";
import { run } from "../backends/keybroker.ts";

const path = available(grpcurl);

describe.skipIf(!path)("grpcurl", () => {
  let daemon: Daemon;
  beforeAll(async () => {
    daemon = await startDaemon();
  });
  afterAll(() => daemon?.stop());

  async function curl(args: readonly string[], message?: unknown): Promise<string> {
    const data = message === undefined ? [] : ["-d", JSON.stringify(message)];
    const command = [path!, "-plaintext", ...data, daemon.address, ...args];
    const { status, stdout, stderr } = await run(command, { env: { PATH: process.env["PATH"] } });
    if (status !== 0) throw new Error(stderr);
    return stdout.toString();
  }

  test("lists the services", async () => {
    const services = (await curl(["list"])).trim().split("\n");
    expect(services).toEqual(expect.arrayContaining(["keybroker.v1.KeyService", "grpc.health.v1.Health"]));
  });

  test("describes each RPC and its messages", async () => {
    const service = await curl(["describe", "keybroker.v1.KeyService"]);
    for (const rpc of ["Wrap", "Unwrap", "GenerateDataKey", "Rewrap", "Check", "Inspect", "Batch", "Session"])
      expect(service).toContain(`rpc ${rpc} (`);
    expect(await curl(["describe", "keybroker.v1.UnwrapRequest"])).toContain("map<string, string> context = 2");
  });

  test("wraps and unwraps", async () => {
    const plaintext = Buffer.from("a data key by hand").toString("base64");
    const context = { host: "db1" };
    const wrapped = await curl(["keybroker.v1.KeyService/Wrap"], { key: "default", plaintext, context });
    const { envelope } = JSON.parse(wrapped) as { envelope: string };
    const unwrapped = await curl(["keybroker.v1.KeyService/Unwrap"], { envelope, context });
    expect(JSON.parse(unwrapped)).toMatchObject({ plaintext, key: "default" });
  });

  test("shows an error's reason", async () => {
    const refused = curl(["keybroker.v1.KeyService/Unwrap"], { envelope: Buffer.from("none").toString("base64") });
    await expect(refused).rejects.toThrow(/InvalidArgument[^]*ENVELOPE_REFUSED/);
  });

  test("answers health checks", async () => {
    expect(JSON.parse(await curl(["grpc.health.v1.Health/Check"]))).toEqual({ status: "SERVING" });
    const service = { service: "keybroker.v1.KeyService" };
    expect(JSON.parse(await curl(["grpc.health.v1.Health/Check"], service))).toEqual({ status: "SERVING" });
  });
});
