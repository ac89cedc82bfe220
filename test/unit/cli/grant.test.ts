// keybroker grant, as far as it needs no daemon.

import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testKey } from "../grants/keys.ts";
import { document, statement } from "../grants/setting.ts";
import { cli, folder as newFolder, type Folder } from "./harness.ts";

let folder: Folder;
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => folder.remove());

const request = ["grant", "request", "--offline", "--realm", "prod", "--identity", "restore", "--requester", "alice"];
const rest = ["--keys", "backups/db", "--for", "4h", "--max-unwraps", "5", "--reason", "INC-1"];

describe("grant request --offline", () => {
  it("writes a document that grant show reads", async () => {
    const made = await cli([...request, ...rest, "--context", "host=dö", "--from", "2026-11-21T10:00:00Z"]);
    expect(made.text).toContain('when: context.host == "d\\u00f6"\n');
    expect(made.text).toContain("not-before: 2026-11-21T10:00:00Z\nnot-after: 2026-11-21T14:00:00Z\n");
    const { exit, text } = await cli(["grant", "show", "--json"], { stdin: made.stdout });
    expect(exit).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ realm: "prod", identity: "restore", maxUnwraps: 5, signers: [] });
  });

  it("writes a new one each time, and over no file", async () => {
    const file = folder.at("grant.txt");
    expect((await cli([...request, ...rest, "--output", file])).exit).toBe(0);
    const again = await cli([...request, ...rest, "--output", file]);
    expect([again.exit, again.stderr]).toEqual([2, expect.stringContaining("--overwrite")]);
    const [one, other] = [await cli([...request, ...rest]), await cli([...request, ...rest])];
    expect(one.text).not.toBe(other.text);
  });

  it.each([
    [["--for", "forever"], "no duration"],
    [["--max-unwraps", "0"], "no count"],
    [["--when", "context.a"], "no condition"],
    [["--from", "tomorrow"], "write a time"],
    [["--keys", "a//b"], "prefix/*"],
    [["--reason", "line\nend"], "reason"],
  ])("refuses %j", async (flags, words) => {
    const { exit, stderr, stdout } = await cli([...request, ...rest, ...flags]);
    expect([exit, stdout.length]).toEqual([2, 0]);
    expect(stderr).toContain(words);
  });

  it("names what is missing, by flag and variable", async () => {
    const { exit, stderr } = await cli([...request, "--keys", "a"]);
    expect([exit, stderr]).toEqual([2, expect.stringContaining("--reason is needed (or KEYBROKER_REASON)")]);
  });
});

describe("grant show", () => {
  it("says who signed, by their keys' fingerprints", async () => {
    const key = testKey();
    writeFileSync(folder.at("grant.txt"), document(statement(), key));
    const { text } = await cli(["grant", "show", folder.at("grant.txt")]);
    expect(text).toMatch(/^signed by: SHA256:\S{43}$/m);
    expect(text).toMatch(/^requester: alice$/m);
  });

  it("refuses a document that was edited", async () => {
    writeFileSync(folder.at("grant.txt"), document(statement(), testKey()).replace("INC", "INK"));
    const { exit, stderr } = await cli(["grant", "show", folder.at("grant.txt")]);
    expect([exit, stderr]).toEqual([2, expect.stringContaining("this is no grant")]);
  });
});

describe("--grant", () => {
  it("names a file that must be there, and be no larger than a grant", async () => {
    writeFileSync(folder.at("data.kb1"), "KBE");
    writeFileSync(folder.at("large"), "x".repeat(70_000));
    for (const [name, words] of [
      ["nowhere", "there is no such file"],
      ["large", "over 64 KiB"],
    ] as const) {
      const { exit, stderr } = await cli(["unwrap", folder.at("data.kb1"), "--grant", folder.at(name)]);
      expect([exit, stderr]).toEqual([2, expect.stringContaining(words)]);
    }
  });
});
