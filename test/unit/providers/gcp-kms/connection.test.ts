// How long a client of the library stays open.

import { expect, test } from "vitest";
import { createConnection } from "../../../../providers/gcp-kms/connection.ts";

function setting(close = () => Promise.resolve()) {
  const closed: string[] = [];
  const client = { close: () => (closed.push("closed"), close()) };
  return { connection: createConnection(client), closed };
}

test("a retired client is closed when the last of its calls has ended, however it ends", async () => {
  const { connection, closed } = setting();
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  const one = connection.use(() => first.promise);
  const other = connection.use(() => second.promise);
  await connection.retire();
  first.resolve("done");
  expect(await one).toBe("done");
  expect(closed).toEqual([]);
  second.reject(new Error("failed"));
  await expect(other).rejects.toThrow("failed");
  expect(closed).toEqual(["closed"]);
});

test("one that no call uses is closed at once, and once", async () => {
  const { connection, closed } = setting();
  await connection.use(() => Promise.resolve());
  expect(closed).toEqual([]);
  await connection.retire();
  await connection.retire();
  expect(closed).toEqual(["closed"]);
});

test("a client that fails to close is nobody's trouble", async () => {
  const { connection } = setting(() => Promise.reject(new Error("of the library")));
  await connection.retire();
});
