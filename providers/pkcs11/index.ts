// The pkcs11 provider: keys of HSMs behind PKCS#11. The library runs in a child process, this side only asks it.

import { openInChild, ownModule } from "../../src/provider/child/index.ts";
import type { Notify, Provider, ProviderKind } from "../../src/provider/index.ts";
import { schemes } from "./device/scheme-names.ts";
import { latched } from "./latch.ts";
import { reference, settings } from "./settings.ts";
import type { Pkcs11Settings } from "./settings.ts";

/** The pkcs11 provider's kind. */
const kind: ProviderKind = { kind: "pkcs11", number: 5, schemes, settings, reference, open };

export default kind;

async function open(opened: Pkcs11Settings, notify?: Notify): Promise<Provider> {
  const { killAfter, environment, ...device } = opened;
  const provider = await openInChild({
    kind: kind.kind,
    module: ownModule("providers/pkcs11/device/index"),
    settings: device,
    killAfterMs: killAfter,
    environment,
    notify,
  });
  return latched(provider, opened.pin);
}
