// A device over a token in memory.

import { openDevice } from "../../../../providers/pkcs11/device/index.ts";
import type { DeviceSettings, KeyReference } from "../../../../providers/pkcs11/device/types.ts";
import { bindingOf } from "../../../../src/provider/index.ts";
import type { Finding, MasterKey, SecretSource } from "../../../../src/provider/index.ts";
import type { FakeToken } from "./fake-token.ts";

/** A PIN whose source a test can change. */
export function pinOf(value: string) {
  const state = { value, stamp: 1 };
  const source: SecretSource = {
    describe: () => "file /pin",
    read: () => Buffer.from(new Uint8Array(Buffer.from(state.value))),
    toJSON: () => `file /pin ${state.stamp}`,
  };
  const change = (changed: string) => Object.assign(state, { value: changed, stamp: state.stamp + 1 });
  return { source, change };
}

/** Settings that find the token. */
export function settingsOf(changes: Partial<DeviceSettings> = {}): DeviceSettings {
  return { library: "/fake.so", tokenLabel: "fake", pin: pinOf("1234").source, maxSessions: 4, ...changes };
}

/** Opens the device. */
export function deviceOf(token: FakeToken, changes: Partial<DeviceSettings> = {}) {
  return openDevice(settingsOf(changes), token.create);
}

/** A signal that nobody aborts. */
export const never = (): AbortSignal => new AbortController().signal;

/** A binding like the broker's. */
export const binding = bindingOf({
  suite: 1,
  realm: "test",
  key: "a/key",
  branchId: Buffer.alloc(16, 1),
  share: 1,
  threshold: 1,
  recipients: 1,
});

/** The master key of a reference. */
export function keyOf(
  token: FakeToken,
  reference: KeyReference,
  changes?: Partial<DeviceSettings>,
): Promise<MasterKey> {
  return deviceOf(token, changes).masterKey(reference, never());
}

/** 64 bytes. */
export const material = Buffer.alloc(64, 7);

/** Wraps and unwraps; answers the scheme. */
export async function roundTrip(key: MasterKey): Promise<number> {
  const { wrapped, scheme } = await key.wrap(Buffer.from(material), binding, never());
  const { material: again } = await key.unwrap(wrapped, scheme, binding, never());
  if (!again.equals(material)) throw new Error("another material came back");
  return scheme;
}

/** What a promise rejects with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ readonly reason: string; readonly message: string }> {
  return promise.then(
    () => ({ reason: "none", message: "it was answered" }),
    (error: { reason?: string; message: string }) => ({ reason: error.reason ?? "unmapped", message: error.message }),
  );
}

/** All that an examination finds. */
export async function findingsOf(findings: AsyncIterable<Finding>): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for await (const finding of findings) found.push(finding);
  return found;
}
