// The pkcs11 provider's process: two libraries at once, a token that is taken out, a PIN that outlives its child.

import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { generateKey } from "../../providers/pkcs11/generate.ts";
import pkcs11 from "../../providers/pkcs11/index.ts";
import type { Pkcs11Settings } from "../../providers/pkcs11/settings.ts";
import { bindingOf } from "../../src/provider/index.ts";
import type { MasterKey, Provider } from "../../src/provider/index.ts";
import { available } from "../backends/available.ts";
import { makeSoftHsm, softhsm } from "../backends/softhsm.ts";
import { until } from "../backends/until.ts";
import { compiler, makeShim } from "../fakes/pkcs11/shim.ts";

const programs = [softhsm, compiler].map(available);
const never = () => new AbortController().signal;
const facts = { suite: 1, realm: "test", key: "a/key", share: 1, threshold: 1, recipients: 1 };
const binding = bindingOf({ ...facts, branchId: Buffer.alloc(16, 1) });
const material = Buffer.alloc(64, 7);
const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: { reason: string }) => error.reason,
  );

async function roundTrip(key: MasterKey): Promise<void> {
  const { wrapped, scheme } = await key.wrap(Buffer.from(material), binding, never());
  const answer = await key.unwrap(wrapped, scheme, binding, never());
  expect(answer.material).toEqual(material);
}

describe.skipIf(programs.includes(undefined))("over SoftHSM", () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A token with a key, behind the shim, and the provider over it. */
  async function bench(changes: { pin?: string } = {}) {
    const hsm = makeSoftHsm();
    ends.push(() => hsm.remove());
    const token = hsm.addToken("one");
    const shim = makeShim(hsm.library, hsm.folder);
    const least = { tokenLabel: "one", pin: `file:${token.pinFile}` };
    const parse = (more: object) => pkcs11.settings.parse({ ...least, ...more }) as Pkcs11Settings;
    await generateKey(parse({ library: hsm.library, environment: hsm.environment }), { label: "k" });
    if (changes.pin !== undefined) writeFileSync(token.pinFile, changes.pin, { mode: 0o600 });
    const environment = { ...hsm.environment, ...shim.environment };
    const provider: Provider = await pkcs11.open(parse({ library: shim.path, environment }) as never);
    ends.push(() => provider.close());
    return { hsm, token, shim, provider, open: () => provider.masterKey({ label: "k" }, never()) };
  }

  test("two libraries with two tokens work at once", async () => {
    const [one, other] = [await bench(), await bench()];
    const keys = await Promise.all([one.open(), other.open()]);
    expect(keys[0].id).not.toBe(keys[1].id);
    await Promise.all(Array.from({ length: 40 }, (_, index) => roundTrip(keys[index % 2]!)));
  });

  test("a token that was taken out is an outage, and serves when it is back", async () => {
    const { hsm, open } = await bench();
    const key = await open();
    await roundTrip(key);
    const back = hsm.unplug();
    expect(await reasonOf(key.wrap(Buffer.from(material), binding, never()))).toBe("PROVIDER_UNAVAILABLE");
    back();
    await roundTrip(key);
  });

  test("a wrong PIN is tried once, whatever becomes of the child", async () => {
    const { shim, token, open } = await bench({ pin: "not the PIN\n" });
    const logIns = () => shim.calls().filter(({ name }) => name === "Login");
    expect(await reasonOf(open())).toBe("KEY_DISABLED");
    const { pid } = logIns()[0]!;
    process.kill(pid, "SIGKILL");
    for (let i = 0; i < 3; i++) expect(await reasonOf(open())).toBe("KEY_DISABLED");
    expect(logIns()).toHaveLength(1);
    writeFileSync(token.pinFile, token.pin, { mode: 0o600 });
    const key = await until("a child again", () => open().catch(() => undefined));
    await roundTrip(key);
    expect(logIns()).toHaveLength(2);
    expect(logIns()[1]!.pid).not.toBe(pid);
  });

  test("a closed provider has no process, and asks nothing more", async () => {
    const { shim, provider, open } = await bench();
    await open();
    const { pid } = shim.calls()[0]!;
    await provider.close();
    const count = shim.calls().length;
    expect(await reasonOf(open())).toBe("PROVIDER_UNAVAILABLE");
    expect(shim.calls()).toHaveLength(count);
    await until("the end of the child", () => (isAlive(pid) ? undefined : true));
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
