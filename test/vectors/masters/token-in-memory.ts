// Keys on tokens in memory, which do what SoftHSM does not: choose the IV themselves, append it, hash with SHA-256 in OAEP.

import { createPrivateKey, randomBytes } from "node:crypto";
import { CKA } from "../../../providers/pkcs11/device/cryptoki.ts";
import { openDevice } from "../../../providers/pkcs11/device/index.ts";
import type { DeviceSettings } from "../../../providers/pkcs11/device/types.ts";
import pkcs11 from "../../../providers/pkcs11/index.ts";
import { aesKey, fakeToken, rsaKey } from "../../unit/providers/pkcs11/fake-token.ts";
import type { FakeObject, Habits } from "../../unit/providers/pkcs11/fake-token.ts";
import { settingsOf } from "../../unit/providers/pkcs11/bench.ts";
import type { MasterName } from "../recorded.ts";
import type { MasterBench } from "./bench.ts";
import { newValue, recordedSerials } from "./pkcs11.ts";

const ids: Partial<Record<MasterName, string>> = {
  "pkcs11-gcm-device-iv": "0d",
  "pkcs11-gcm-appended-iv": "0e",
  "pkcs11-rsa-oaep": "0f",
};

/** Makes a token of these habits with a serial of its own. The device runs in this process. */
export function startTokenMasters(iv: Habits["iv"]): MasterBench {
  const token = fakeToken([], { iv, serial: randomBytes(8).toString("hex") });
  return {
    kind: {
      ...pkcs11,
      open: (settings: DeviceSettings) => Promise.resolve(openDevice({ ...settingsOf(), ...settings }, token.create)),
    },
    backend: "test/unit/providers/pkcs11/fake-token.ts",
    backendVersion: "0.1.0",
    settings: () => ({ library: "/in-memory.so", tokenLabel: token.habits.label, formerSerials: recordedSerials() }),
    bring(name, kept) {
      const scheme = name.replace("pkcs11-", "");
      const restore = kept?.restore ?? { id: ids[name]!, value: newValue(name) };
      token.objects.push(keyOf(scheme, restore["id"]!, Buffer.from(restore["value"]!, "hex")));
      const more = scheme.startsWith("rsa-") ? { allowUnauthenticatedWrap: true } : {};
      return Promise.resolve({ reference: { label: scheme, id: restore["id"], scheme, ...more }, restore });
    },
    stop: () => Promise.resolve(),
  };
}

function keyOf(scheme: string, id: string, value: Buffer): FakeObject {
  if (!scheme.startsWith("rsa-")) return aesKey(scheme, id, [CKA.ENCRYPT, CKA.DECRYPT], [[CKA.VALUE, value]]);
  const pair = createPrivateKey({ key: value, format: "der", type: "pkcs8" });
  const { n, e } = pair.export({ format: "jwk" });
  const { attributes } = rsaKey(scheme, id);
  attributes.set(CKA.MODULUS, Buffer.from(n!, "base64url")).set(CKA.PUBLIC_EXPONENT, Buffer.from(e!, "base64url"));
  return { attributes, pair };
}
