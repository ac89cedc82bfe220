// An opened vault provider: one server, one login, and the transit keys that references name.

import type { MasterKey, Notify, Provider } from "../../src/provider/index.ts";
import { createClient } from "./client.ts";
import { examine } from "./examine.ts";
import { loginOf } from "./logins.ts";
import { masterKeyOf } from "./master-key.ts";
import { createSecureAgent } from "./secure-agent.ts";
import { Session } from "./session.ts";
import type { VaultReference, VaultSettings } from "./settings.ts";
import { createTransitKey } from "./transit-key.ts";
import { createTransport } from "./transport.ts";

/** Opens the provider; nothing is asked or read before the first call. */
export function openVault(settings: VaultSettings, notify: Notify): Provider {
  const { address, namespace, mount, ca, auth } = settings;
  const files = { ca, cert: auth.certificate?.cert, key: auth.certificate?.key };
  const client = createClient(address, namespace, createTransport(address, createSecureAgent(files)));
  const login = loginOf(auth);
  const session = new Session(client, login, notify);
  /** One per master key: what was seen of it, a key made anew above all, is to be remembered. */
  const masterKeys = new Map<string, MasterKey>();

  function masterKeyFor({ key, id }: VaultReference): MasterKey {
    const named = id ?? [namespace, mount, key].filter((part) => part !== undefined).join("/");
    const name = JSON.stringify([named, key]);
    const known = masterKeys.get(name) ?? masterKeyOf(named, createTransitKey(session, mount, key), session);
    masterKeys.set(name, known);
    return known;
  }

  return {
    masterKey: (wanted) => new Promise((resolve) => resolve(masterKeyFor(wanted as VaultReference))),
    examine: (references, signal) =>
      examine({ settings, client, session, login }, references as readonly VaultReference[], signal),
    async close() {
      await session.close();
      client.close();
    },
  };
}
