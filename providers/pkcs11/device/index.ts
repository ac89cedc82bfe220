// The device: the provider as it runs in the child process, over the PKCS#11 library itself.

import type { Provider } from "../../../src/provider/index.ts";
import { Connection } from "./connection.ts";
import { examine } from "./examine.ts";
import type { NewCryptoki } from "./library.ts";
import { openMasterKey } from "./master-key.ts";
import type { DeviceSettings, KeyReference } from "./types.ts";

/** Opens the device; `create` is a test's token in place of the native addon's. Nothing is loaded before it is asked. */
export function openDevice(settings: DeviceSettings, create?: NewCryptoki): Provider {
  const connection = new Connection(settings, create);
  return {
    async masterKey(reference, signal) {
      signal.throwIfAborted();
      return await openMasterKey(connection, reference as KeyReference, settings.formerSerials ?? [], signal);
    },
    examine: (references, signal) =>
      examine({ settings, connection, create }, references as readonly KeyReference[], signal),
    close: () => connection.close(),
  };
}

export default { open: (settings: DeviceSettings): Promise<Provider> => Promise.resolve(openDevice(settings)) };
