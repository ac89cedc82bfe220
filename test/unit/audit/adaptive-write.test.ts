import { expect, test } from "vitest";
import { adaptiveWrite } from "../../../src/audit/part.ts";

test("writes are at once until the disk is behind, then threaded until it has caught up", async () => {
  let nowMs = 0;
  let takesMs = 0;
  const ways: string[] = [];
  const taken = (way: string) => {
    ways.push(way);
    nowMs += takesMs;
    return 1;
  };
  const write = adaptiveWrite(
    () => nowMs,
    () => taken("at once"),
    () => Promise.resolve(taken("threaded")),
  );
  const part: [Buffer, number, number] = [Buffer.alloc(1), 0, 1];
  expect(write(...part)).toBe(1);
  takesMs = 11;
  await write(...part);
  await write(...part);
  takesMs = 0;
  for (let i = 0; i < 100; i++) await write(...part);
  expect(ways.slice(0, 3)).toEqual(["at once", "at once", "threaded"]);
  expect(ways.slice(3)).toEqual(Array.from({ length: 100 }, () => "threaded"));
  await write(...part);
  expect(ways.at(-1)).toBe("at once");
});

test("a failure is the write's own", () => {
  const fail = () => {
    throw new Error("ENOSPC");
  };
  const write = adaptiveWrite(() => 0, fail, fail);
  expect(() => write(Buffer.alloc(1), 0, 1)).toThrow("ENOSPC");
});
