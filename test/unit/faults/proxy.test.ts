// The proxy spoils what it says it spoils, and nothing else.

import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startProxy } from "../../faults/proxy.ts";
import type { Proxy } from "../../faults/proxy.ts";

let backend: Server;
let proxy: Proxy;
const peers = new Set<Socket>();

beforeEach(async () => {
  // Answers every word with "head\r\n\r\n" and the word.
  backend = createServer((socket) => {
    peers.add(socket);
    socket.on("error", () => undefined).on("data", (word) => socket.write(`head\r\n\r\n${word.toString()}`));
  });
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  proxy = await startProxy((backend.address() as AddressInfo).port);
});
afterEach(async () => {
  await proxy.close();
  for (const peer of peers) peer.destroy();
  await new Promise((resolve) => backend.close(resolve));
});

interface Asked {
  readonly socket: Socket;
  /** Resolves when so many bytes came, or the connection ended: "reset", or "end". */
  until(bytes: number): Promise<string>;
}

function ask(word: string, socket = connect(proxy.port, "127.0.0.1")): Asked {
  let text = "";
  let ended = "";
  const waiting = new Set<() => void>();
  const tell = () => waiting.forEach((check) => check());
  socket.on("data", (chunk) => ((text += chunk.toString()), tell()));
  socket.on("end", () => ((ended = "end"), tell()));
  socket.on("error", () => ((ended = "reset"), tell()));
  socket.write(word);
  return {
    socket,
    until: (bytes) =>
      new Promise((resolve) => {
        const check = () => {
          if (text.length >= bytes || ended) resolve(text + (ended && `|${ended}`));
        };
        waiting.add(check);
        check();
      }),
  };
}

test("answers pass unchanged while nothing is played", async () => {
  expect(await ask("word").until(12)).toBe("head\r\n\r\nword");
  expect(proxy.hits()).toBe(0);
});

test("a hanging answer comes when the hang is over", async () => {
  proxy.play({ kind: "hang" });
  const asked = ask("word");
  while (proxy.hits() === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(asked.socket.bytesRead).toBe(0);
  proxy.play(undefined);
  expect(await asked.until(12)).toBe("head\r\n\r\nword");
  expect(proxy.hits()).toBe(1);
});

test("a slow answer comes whole", async () => {
  proxy.play({ kind: "slow", everyMs: 1 });
  expect(await ask("word").until(12)).toBe("head\r\n\r\nword");
  expect(proxy.hits()).toBe(1);
});

test("a reset answer is cut there, and the connection reset", async () => {
  proxy.play({ kind: "reset", afterBytes: 6 });
  expect(await ask("word").until(12)).toMatch(/^(head\r\n)?\|reset$/);
  expect(proxy.hits()).toBe(1);
});

test("a truncated answer is cut there, and the connection closed in order", async () => {
  proxy.play({ kind: "truncate", afterBytes: 6 });
  expect(await ask("word").until(12)).toBe("head\r\n|end");
  expect(proxy.hits()).toBe(1);
});

test("one bit is flipped, after a mark, in each answer", async () => {
  proxy.play({ kind: "flip", after: "\r\n\r\n", at: 1 });
  const first = ask("word");
  expect(await first.until(12)).toBe("head\r\n\r\nwnrd");
  expect(await ask("word", first.socket).until(12)).toBe("head\r\n\r\nwnrd");
  expect(proxy.hits()).toBe(2);
  proxy.play({ kind: "flip", at: 0 });
  expect(await ask("word").until(12)).toBe("iead\r\n\r\nword");
});

test("dropped connections are reset", async () => {
  const asked = ask("word");
  await asked.until(12);
  proxy.drop();
  expect(await asked.until(13)).toMatch(/\|reset$/);
});
