import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openObservatory } from "../../../src/server/index.ts";
import type { Observatory } from "../../../src/server/index.ts";

let observatory: Observatory;
let ready: boolean;
let metrics: () => Promise<{ contentType: string; body: string }>;

beforeEach(async () => {
  ready = true;
  metrics = () => Promise.resolve({ contentType: "text/plain; version=0.0.4", body: "up 1\n" });
  const parts = { readiness: () => ({ ready, providers: ["env"] }), metrics: () => metrics() };
  observatory = await openObservatory({ host: "127.0.0.1", port: 0 }, parts);
});
afterEach(() => observatory.close());

const get = async (path: string, init?: RequestInit) => {
  const response = await fetch(`http://${observatory.address}${path}`, init);
  return { status: response.status, body: await response.text(), type: response.headers.get("content-type") };
};

describe("monitoring", () => {
  test("is alive as long as it answers", async () => {
    ready = false;
    expect(await get("/livez")).toMatchObject({ status: 200, body: "ok\n" });
  });

  test("is ready until draining, and says more as JSON", async () => {
    expect(await get("/readyz?verbose")).toMatchObject({ status: 200, type: "application/json" });
    ready = false;
    const { status, body } = await get("/readyz");
    expect([status, JSON.parse(body)]).toEqual([503, { ready: false, providers: ["env"] }]);
  });

  test("gives the metrics", async () => {
    expect(await get("/metrics")).toEqual({ status: 200, body: "up 1\n", type: "text/plain; version=0.0.4" });
  });

  test("tells nobody why the metrics failed", async () => {
    metrics = () => Promise.reject(new Error("canary"));
    const { status, body } = await get("/metrics");
    expect(status).toBe(500);
    expect(body).not.toContain("canary");
  });

  test.each([
    ["/", "GET", 404],
    ["/metrics/../livez2", "GET", 404],
    ["/livez", "POST", 405],
    ["/livez", "DELETE", 405],
  ])("answers %s to %s with %i", async (path, method, status) => {
    expect((await get(path, { method })).status).toBe(status);
  });

  test("answers HEAD without a body", async () => {
    expect(await get("/livez", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
  });

  test("refuses headers over its bound", async () => {
    const { hostname, port } = new URL(`http://${observatory.address}`);
    const status = await new Promise((resolve, reject) => {
      const asked = request(
        { hostname, port, path: "/livez", headers: { "x-large": "x".repeat(10_000) } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      asked.once("error", reject).end();
    });
    expect(status).toBe(431);
  });

  test("closes although a client keeps its connection", async () => {
    const { hostname, port } = new URL(`http://${observatory.address}`);
    const socket = connect(Number(port), hostname);
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) =>
      socket
        .on("error", () => undefined)
        .once("close", resolve)
        .resume(),
    );
    await observatory.close();
    await closed;
  });
});

test("an address in use is refused by its name", async () => {
  const { hostname, port } = new URL(`http://${observatory.address}`);
  const again = openObservatory({ host: hostname, port: Number(port) }, { readiness: () => ({ ready }), metrics });
  await expect(again).rejects.toThrow(`metrics cannot be served on ${hostname}:${port}: EADDRINUSE`);
});
