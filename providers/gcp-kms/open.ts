// Opens the provider: loads Google's library and prepares the calls; it connects with the first of them.

import { readFileSync } from "node:fs";
import { BrokerError } from "../../src/errors/index.ts";
import type { Provider } from "../../src/provider/index.ts";
import { createCredentials } from "./credentials.ts";
import { examine } from "./examine.ts";
import { openMasterKey } from "./master-key.ts";
import { createService } from "./service.ts";
import type { Libraries } from "./service.ts";
import type { GcpKmsReference, GcpKmsSettings } from "./settings.ts";

/** The provider. Throws REQUEST_INVALID when the file of authorities cannot be used. */
export async function openProvider(settings: GcpKmsSettings): Promise<Provider> {
  const libraries = await load();
  const channel = channelCredentials(libraries, settings);
  const credentials = createCredentials(libraries.auth, settings.credentials);
  const service = createService(libraries, {
    endpoint: settings.endpoint,
    channel,
    viaProxy: settings.insecure !== true,
    credentials,
  });
  const opened = { service, only: settings.only, proven: new Set<string>() };
  return {
    masterKey: (reference, signal) => openMasterKey(opened, (reference as GcpKmsReference).key, signal),
    examine: (references, signal) =>
      examine(
        service,
        settings,
        references.map((reference) => (reference as GcpKmsReference).key),
        signal,
      ),
    close: () => service.close(),
  };
}

async function load(): Promise<Libraries> {
  const [kms, grpc, auth] = await Promise.all([
    import("@google-cloud/kms"),
    import("@grpc/grpc-js"),
    import("google-auth-library"),
  ]);
  return { kms, grpc, auth };
}

/** Made once: to read the system's authorities takes 20 ms. */
function channelCredentials({ grpc }: Libraries, { insecure, ca }: GcpKmsSettings) {
  if (insecure) return grpc.credentials.createInsecure();
  if (ca === undefined) return grpc.credentials.createSsl();
  try {
    return grpc.credentials.createSsl(readFileSync(ca.path));
  } catch (cause) {
    throw new BrokerError("REQUEST_INVALID", `the file of authorities ${ca.path} cannot be used`, { cause });
  }
}
