// The aws-kms provider: symmetric keys of AWS KMS as master keys.

import type { MasterKey, Provider, ProviderKind } from "../../src/provider/index.ts";
import { formatKeyArn } from "./arn.ts";
import { examine } from "./examine.ts";
import { createMasterKey, scheme } from "./master-key.ts";
import type { Context } from "./kms-key.ts";
import { createRegions } from "./regions.ts";
import type { Library } from "./regions.ts";
import { resolve } from "./resolve.ts";
import { reference, settings } from "./settings.ts";
import type { AwsKmsReference, AwsKmsSettings } from "./settings.ts";

/** The aws-kms provider's kind. */
const kind: ProviderKind = { kind: "aws-kms", number: 2, schemes: [scheme], settings, reference, open };

export default kind;

async function open(opened: AwsKmsSettings): Promise<Provider> {
  const library = await load();
  const regions = createRegions(opened, library);
  const context: Context = {
    library,
    regions,
    fallbackAfterMs: opened.fallbackAfter,
    isForeign: opened.endpoint !== undefined && !/\.amazonaws\.com(\.cn)?$/.test(new URL(opened.endpoint).hostname),
  };
  const masterKeys = new Map<string, MasterKey>();
  return {
    async masterKey(wanted, signal) {
      const arn = await resolve((wanted as AwsKmsReference).key, context, signal);
      const id = formatKeyArn(arn);
      const known = masterKeys.get(id) ?? createMasterKey(arn, context);
      masterKeys.set(id, known);
      return known;
    },
    examine: (references, signal) => examine(references as readonly AwsKmsReference[], context, signal),
    close() {
      for (const region of regions) region.close();
      return Promise.resolve();
    },
  };
}

/** Here and not above, so that a daemon that is not configured for AWS loads nothing of it. */
async function load(): Promise<Library> {
  const [kms, credentials] = await Promise.all([
    import("@aws-sdk/client-kms"),
    import("@aws-sdk/credential-providers"),
  ]);
  return { kms, credentials };
}
