// The vault provider: master keys that are keys of a Vault or OpenBao transit engine.

import type { Notify, Provider, ProviderKind } from "../../src/provider/index.ts";
import { scheme } from "./ciphertext.ts";
import { reference, settings } from "./settings.ts";
import type { VaultSettings } from "./settings.ts";

/** The vault provider's kind. */
const kind: ProviderKind = { kind: "vault", number: 4, schemes: [scheme], settings, reference, open };

export default kind;

/** Loads the client. It reads no credential yet, and asks nobody. */
async function open(opened: VaultSettings, notify: Notify = () => {}): Promise<Provider> {
  return (await import("./provider.ts")).openVault(opened, notify);
}
