// keybroker keys and status: what administrators see, and what they change.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MasterKeyVersionState } from "../../../src/proto/keybroker/admin/v1/master_key_service_pb.ts";
import { FakeDaemon, Refusal } from "../client/fake-daemon.ts";
import { cli as run, type Ran } from "./harness.ts";

let daemon: FakeDaemon;

const cli = (...argv: string[]): Promise<Ran> => run(argv, { env: { KEYBROKER_ADDRESS: daemon.address } });
const requests = (): Record<string, unknown>[] => daemon.asked.map(({ request }) => request as Record<string, unknown>);
const json = async (...argv: string[]): Promise<unknown> => JSON.parse((await cli(...argv, "--json")).text);
const seconds = BigInt(Date.UTC(2026, 0, 2) / 1000);

beforeEach(async () => {
  daemon = new FakeDaemon(() => ({}));
  await daemon.start();
});

afterEach(() => daemon.stop());

describe("keys list", () => {
  beforeEach(() => {
    const recipients = [
      { provider: "aws", providerKind: "aws-kms", masterKeyId: "arn", protectionLevel: "hsm", authenticated: true },
      { provider: "hsm", protectionLevel: "hsm", authenticated: false },
      { provider: "old", unwrapOnly: true },
      { provider: "new" },
    ];
    const branch = { branchKeyCreateTime: { seconds }, branchKeyWraps: 7n, branchKeyRecipients: 2 };
    daemon.handler = () => ({ keys: [{ name: "backups/db", recipients, ...branch }] });
  });

  test("shows where each master key lives, and who may wrap with it", async () => {
    const { text } = await cli("keys", "list");
    expect(text).toContain("aws (hsm), hsm (hsm, wraps unauthenticated), old (unwrap only), new ");
    expect(text).toMatch(/^warning: backups\/db: anybody who has the public key of hsm/m);
  });

  test("shows how many recipients the branch key in use lacks", async () => {
    expect((await cli("keys", "list")).text).toMatch(/^warning: backups\/db: the branch key in use lacks 1 of/m);
    expect(await json("keys", "list")).toMatchObject({
      keys: [
        {
          missingRecipients: 1,
          branchKeyRecipients: 2,
          recipients: [
            { provider: "aws", protectionLevel: "hsm", authenticated: true },
            { provider: "hsm", authenticated: false },
            { provider: "old", protectionLevel: "" },
            {},
          ],
        },
      ],
    });
  });

  test("without a branch key nothing is missing, and what is not known is not warned of", async () => {
    daemon.handler = () => ({ keys: [{ name: "a", recipients: [{ provider: "p" }] }] });
    expect((await cli("keys", "list")).text).not.toContain("warning");
    expect(await json("keys", "list")).toMatchObject({ keys: [{ missingRecipients: 0 }] });
  });
});

describe("keys versions", () => {
  test("lists them over all pages", async () => {
    daemon.handler = ({ request }) => {
      const first = (request as { pageToken: string }).pageToken === "";
      const version = first
        ? { version: "1", state: MasterKeyVersionState.DISABLED }
        : { version: "2", state: MasterKeyVersionState.PRIMARY, createTime: { seconds } };
      return { provider: "p", masterKeyId: "id", versions: [version], nextPageToken: first ? "1" : "" };
    };
    const { text } = await cli("keys", "versions", "backups/db");
    expect(text).toContain("provider: p\nmaster key: id\n");
    expect(text).toMatch(/^1 +disabled\n2 +primary +2026-01-02T00:00:00.000Z$/m);
    expect(requests()[1]).toMatchObject({ key: "backups/db", provider: "", masterKeyId: "", pageToken: "1" });
  });

  test("a state of a newer daemon is unknown", async () => {
    daemon.handler = () => ({ versions: [{ version: "1", state: 77 }] });
    expect(await json("keys", "versions", "k")).toMatchObject({ versions: [{ version: "1", state: "unknown" }] });
  });
});

describe("keys rotate", () => {
  beforeEach(() => (daemon.handler = () => ({ provider: "p", masterKeyId: "id", version: "3" })));

  test("names the new version; every run is a rotation of its own", async () => {
    const ran = await cli("keys", "rotate", "k", "--provider", "p", "--master-key", "id");
    expect(ran).toMatchObject({ exit: 0, stderr: "" });
    expect(ran.text).toContain("result: rotated: new envelopes use version 3;");
    await cli("keys", "rotate", "k");
    const [one, two] = requests();
    expect(one).toMatchObject({ key: "k", provider: "p", masterKeyId: "id", validateOnly: false });
    expect(one!["requestId"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(two!["requestId"]).not.toBe(one!["requestId"]);
  });

  test("one run asks with one request id, however often it must try", async () => {
    daemon.handler = () => {
      if (daemon.asked.length === 1) throw new Refusal("PROVIDER_UNAVAILABLE", "later", 1);
      return { version: "3" };
    };
    expect((await cli("keys", "rotate", "k")).exit).toBe(0);
    expect(new Set(requests().map(({ requestId }) => requestId)).size).toBe(1);
    expect(requests()).toHaveLength(2);
  });

  test("--dry-run says so, to the daemon and to its user", async () => {
    expect((await cli("keys", "rotate", "k", "--dry-run")).text).toContain("result: would be rotated\n");
    expect(await json("keys", "rotate", "k", "--dry-run")).toMatchObject({ dryRun: true });
    for (const request of requests()) expect(request).toMatchObject({ validateOnly: true });
  });

  test("a backend that cannot: exit status 2, in the daemon's words", async () => {
    daemon.handler = () => {
      throw new Refusal("REQUEST_INVALID", "provider local cannot do rotate with id");
    };
    const stderr = "keybroker: provider local cannot do rotate with id\n";
    expect(await cli("keys", "rotate", "k")).toMatchObject({ exit: 2, text: "", stderr });
  });
});

describe("keys set-version", () => {
  beforeEach(() => {
    const masterKeyVersion = { version: "2", state: MasterKeyVersionState.ENABLED };
    daemon.handler = () => ({ provider: "p", masterKeyId: "id", masterKeyVersion });
  });

  test.each([
    ["primary", MasterKeyVersionState.PRIMARY],
    ["enabled", MasterKeyVersionState.ENABLED],
    ["disabled", MasterKeyVersionState.DISABLED],
  ])("%s", async (word, state) => {
    expect((await cli("keys", "set-version", "k", "2", word)).text).toContain("version 2: is enabled\n");
    expect(requests()[0]).toMatchObject({ key: "k", version: "2", state, validateOnly: false });
  });

  test("--dry-run tells what is and what would be", async () => {
    const { text } = await cli("keys", "set-version", "k", "2", "disabled", "--dry-run");
    expect(text).toContain("version 2: is enabled, would be disabled\n");
    expect(requests()[0]).toMatchObject({ validateOnly: true });
  });

  test.each([
    [["keys", "set-version", "k", "2", "off"], "Allowed choices are primary, enabled, disabled"],
    [["keys", "set-version", "k", "2"], "missing required argument 'state'"],
    [["keys", "rotate"], "missing required argument 'key'"],
    [["keys", "versions"], "missing required argument 'key'"],
  ])("wrong usage %j asks nothing", async (argv, message) => {
    const ran = await cli(...argv);
    expect(ran.exit).toBe(2);
    expect(ran.stderr).toContain(message);
    expect(daemon.asked).toHaveLength(0);
  });
});

test("status shows of each provider whether it is reachable, wraps and unwraps", async () => {
  const lastCallTime = { seconds };
  daemon.handler = () => ({
    providers: [
      { name: "a", kind: "env", reachable: true, canWrap: true, canUnwrap: true, lastCallTime },
      { name: "b", kind: "vault", reachable: true, canWrap: false, canUnwrap: true, lastCallTime },
      { name: "c", kind: "aws-kms", lastCallTime, error: "no route" },
    ],
  });
  const { text } = await cli("status");
  expect(text).toMatch(/^a +env +yes +yes +yes +2026/m);
  expect(text).toMatch(/^b +vault +yes +no +yes +2026/m);
  expect(text).toMatch(/^c +aws-kms +no +no +no +2026\S+ +no route$/m);
  expect(await json("status")).toMatchObject({
    providers: [{ canWrap: true }, { canWrap: false, canUnwrap: true }, {}],
  });
});

test("completion knows the commands below keys", async () => {
  expect((await run(["completion", "bash"])).text).toMatch(/"keys"\) words="list versions rotate set-version/);
});
