// The gcp-kms provider: master keys in Google Cloud KMS. Google's library is loaded when one is opened.

import type { ProviderKind } from "../../src/provider/index.ts";
import { scheme } from "./scheme.ts";
import { reference, settings } from "./settings.ts";
import type { GcpKmsSettings } from "./settings.ts";

/** The gcp-kms provider's kind. */
const kind: ProviderKind = {
  kind: "gcp-kms",
  number: 3,
  schemes: [scheme],
  settings,
  reference,
  open: async (opened: GcpKmsSettings) => (await import("./open.ts")).openProvider(opened),
};

export default kind;
