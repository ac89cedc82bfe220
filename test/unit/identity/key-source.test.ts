import { createServer, type Server, type ServerOptions } from "node:https";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RequestListener } from "node:http";
import { parseKeySet, type KeySet } from "../../../src/config/index.ts";
import { fetchKeySet } from "../../../src/identity/fetch-key-set.ts";
import { openKeySource } from "../../../src/identity/key-source.ts";
import { authority, issue, type TestCertificate } from "./authority.ts";
import { issuerKey, keySetText } from "./tokens-setting.ts";

const minute = 60_000;
const [one, two] = [issuerKey("one"), issuerKey("two")].map((key) => parseKeySet(keySetText([key]), "test"));
const place = { url: "https://issuer.test/keys", ca: undefined };

describe("keys at a URL", () => {
  let nowMs: number;
  let fetches: number;
  let told: string[];
  /** What the issuer says; undefined: it cannot be reached. */
  let answer: KeySet | undefined;

  beforeEach(() => {
    [nowMs, fetches, told, answer] = [1_000_000_000, 0, [], one];
  });

  const source = () =>
    openKeySource(place, {
      clock: () => nowMs,
      events: { unreachable: (url, usable) => void told.push(`${url} ${usable}`) },
      fetchKeys: () => {
        fetches++;
        return answer === undefined ? Promise.reject(new Error("down")) : Promise.resolve(answer);
      },
    });

  it("are fetched at once, once for all who wait, and then kept", async () => {
    const keys = source();
    const all = await Promise.all([keys.keys(), keys.keys(), keys.keys()]);
    expect(all.map((found) => found?.set)).toEqual([one, one, one]);
    nowMs += 5 * minute - 1;
    await keys.keys();
    expect(fetches).toBe(1);
  });

  it("are fetched again beside the calls once they are stale, and others are another generation", async () => {
    const keys = source();
    const before = await keys.keys();
    answer = two;
    nowMs += 5 * minute;
    expect(await keys.keys()).toEqual(before);
    await keys.missed();
    expect(fetches).toBe(2);
    expect((await keys.keys())?.set).toEqual(two);
    expect(keys.generation).not.toBe(before?.generation);
  });

  it("that are the same again are no other generation", async () => {
    const keys = source();
    const before = await keys.keys();
    nowMs += 5 * minute;
    keys.touch(nowMs);
    await keys.missed();
    expect(fetches).toBe(2);
    expect(keys.generation).toBe(before?.generation);
  });

  it("are looked for when a token names another, never more often than every 10 seconds", async () => {
    const keys = source();
    await keys.keys();
    answer = two;
    for (let token = 0; token < 100; token++) await keys.missed();
    expect(fetches).toBe(1);
    nowMs += 10_000;
    await Promise.all([keys.missed(), keys.missed()]);
    expect(fetches).toBe(2);
    expect((await keys.keys())?.set).toEqual(two);
  });

  it("are kept while the issuer cannot be reached, asked every 10 seconds, for a day", async () => {
    const keys = source();
    await keys.keys();
    answer = undefined;
    nowMs += 5 * minute;
    for (let second = 0; second < 60; second++, nowMs += 1_000) {
      expect((await keys.keys())?.set).toEqual(one);
      await keys.missed();
    }
    expect(fetches).toBe(1 + 6);
    expect(told[0]).toBe(`${place.url} true`);
    nowMs += 24 * 60 * minute;
    expect(await keys.keys()).toBeUndefined();
    answer = one;
    nowMs += 10_000;
    expect((await keys.keys())?.set).toEqual(one);
  });

  it("that were never there are none, and come by themselves", async () => {
    answer = undefined;
    const keys = source();
    expect(await keys.keys()).toBeUndefined();
    expect(await keys.keys()).toBeUndefined();
    expect(fetches).toBe(1);
    expect(told).toEqual([`${place.url} false`]);
    answer = one;
    nowMs += 10_000;
    expect((await keys.keys())?.set).toEqual(one);
  });

  it("are fetched though the clock was set back by a year", async () => {
    const keys = source();
    await keys.keys();
    answer = two;
    nowMs -= 365 * 24 * 60 * minute;
    await keys.keys();
    await keys.missed();
    expect((await keys.keys())?.set).toEqual(two);
  });
});

describe("a fetch", () => {
  let folder: string;
  let ca: string;
  let ours: TestCertificate;
  let leaf: TestCertificate;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "keys-"));
    ours = await authority("keys");
    leaf = await issue(ours, { names: [{ type: "dns", value: "localhost" }] });
    ca = join(folder, "ca.pem");
    writeFileSync(ca, ours.pem);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function served<T>(
    listener: RequestListener,
    use: (url: string) => Promise<T>,
    more: ServerOptions = {},
  ): Promise<T> {
    const server: Server = createServer({ cert: leaf.pem, key: leaf.keyPem, ...more }, listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      return await use(`https://localhost:${(server.address() as AddressInfo).port}/keys`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it("takes what a server says that the authority vouches for", async () => {
    const text = keySetText([issuerKey("one")]);
    const found = await served(
      (_, response) => response.end(text),
      (url) => fetchKeySet({ url, ca }),
    );
    expect(found).toEqual(JSON.parse(text));
  });

  it.each<[string, RequestListener, RegExp]>([
    ["another status", (_, response) => response.writeHead(500).end("{}"), /HTTP 500/],
    ["a redirection", (_, response) => response.writeHead(302, { location: "/other" }).end(), /HTTP 302/],
    ["no set", (_, response) => response.end("<html>"), /no JSON Web Key Set/],
    ["more than 256 KiB", (_, response) => response.end(" ".repeat(300_000)), /over 262144 bytes/],
    [
      "half an answer",
      (_, response) => response.writeHead(200, { "content-length": 9 }).write("x", () => response.destroy()),
      /./,
    ],
  ])("refuses %s", async (_, listener, message) => {
    await expect(served(listener, (url) => fetchKeySet({ url, ca }))).rejects.toThrow(message);
  });

  it("refuses a server of another authority, of another name, and one without TLS", async () => {
    const answer: RequestListener = (_, response) => response.end(keySetText([issuerKey("one")]));
    const theirs = join(folder, "theirs.pem");
    writeFileSync(theirs, (await authority("theirs")).pem);
    await expect(served(answer, (url) => fetchKeySet({ url, ca: theirs }))).rejects.toThrow(/certificate/);
    await expect(served(answer, (url) => fetchKeySet({ url, ca: undefined }))).rejects.toThrow(/certificate/);
    const named = (url: string) => fetchKeySet({ url: url.replace("localhost", "127.0.0.1"), ca });
    await expect(served(answer, named)).rejects.toThrow(/altnames/);
  });
});
