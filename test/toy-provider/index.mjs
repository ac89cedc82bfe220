// The toy kind: master keys derived from one secret and from salts that lie in a folder of files.

import { createSecretKey } from "node:crypto";
import { BrokerError } from "keybroker/errors";
import { secret, text } from "keybroker/provider";
import { z } from "zod";
import { examine } from "./examine.mjs";
import { readKeyring } from "./keyring.mjs";
import { masterKeyOf, scheme } from "./master-key.mjs";

const settings = z.strictObject({
  folder: text().describe("The folder with a file for each master key."),
  secret: secret().describe("What all keys are derived from: 32 random bytes in base64."),
});

const reference = z.strictObject({
  key: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .describe("The name of the master key's file, without .json."),
});

/** @type {import("keybroker/provider").ProviderKind} */
export default { kind: "toy", number: 200, schemes: [scheme], settings, reference, open };

/**
 * Reads the secret; the folder is looked at when a master key is asked for.
 *
 * @param {z.output<typeof settings>} opened
 * @returns {Promise<import("keybroker/provider").Provider>}
 */
async function open({ folder, secret: source }) {
  const bytes = source.read();
  let root = bytes.length < 32 ? undefined : createSecretKey(bytes);
  bytes.fill(0);
  if (root === undefined)
    throw new BrokerError("REQUEST_INVALID", `the ${source.describe()} is too short for a secret`);
  const keyring = {
    folder,
    root() {
      if (root === undefined) throw new BrokerError("PROVIDER_UNAVAILABLE", "the toy provider is closed");
      return root;
    },
  };
  return {
    async masterKey(wanted, signal) {
      const { key } = reference.parse(wanted);
      return masterKeyOf(keyring, key, await readKeyring(keyring, key, signal));
    },
    examine: (references, signal) =>
      examine(
        keyring,
        references.map((each) => reference.parse(each).key),
        signal,
      ),
    async close() {
      root = undefined;
    },
  };
}
