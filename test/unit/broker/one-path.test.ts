// The rules of "One format, one path", each under its name.

import { describe, expect, test } from "vitest";
import { decode } from "../../../src/envelope/index.ts";
import { keyOf, reasonOf, recipient, scopeOf, settingOf } from "./setting.ts";

describe("every envelope carries a branch key", () => {
  test("what was wrapped unwraps, here and after a restart", async () => {
    const setting = await settingOf();
    const dataKey = Buffer.from("a data key");
    const envelope = await setting.wrap(dataKey);
    expect(await setting.unwrap(envelope)).toEqual(dataKey);
    expect(await (await setting.restart()).unwrap(envelope)).toEqual(dataKey);
  });
});
