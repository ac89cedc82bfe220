// keybroker pkcs11: what is done on a token by hand, once.

import type { Command } from "commander";
import { generateKey, schemeNames, type GeneratedKey, type SchemeName } from "../../../providers/pkcs11/generate.ts";
import { usage } from "../failure.ts";
import { define, Flag, jsonFlag, onRun, required, type Outcome } from "../flags.ts";
import { write, type Io } from "../io.ts";
import { emit, emitJson } from "../output.ts";
import { configFlag } from "./config.ts";

interface Settings {
  readonly config?: string;
  readonly provider?: string;
  readonly label?: string;
  readonly id?: string;
  readonly scheme?: string;
  readonly json?: boolean;
}

export function build(io: Io, outcome: Outcome): Command {
  const flags = [
    configFlag(),
    new Flag("--provider <name>", "the provider of kind pkcs11 whose token gets the key"),
    new Flag("--label <label>", "the key's label"),
    new Flag("--id <hex>", "the key's CKA_ID (default: 8 random bytes)", "KEYBROKER_KEY_ID"),
    new Flag("--scheme <name>", `how it will wrap: ${schemeNames.join(", ")} (default: key-wrap, else gcm)`),
    jsonFlag(),
  ];
  const generate = define(
    "generate-key",
    "Make a key on a token that cannot leave it, and prove that it wraps",
    flags,
    ["keybroker pkcs11 generate-key --config /etc/keybroker/config.yaml --provider hsm-fra --label kb-ledger --id 0a"],
  );
  onRun<Settings>(generate, io, outcome, async (settings) => {
    const key = await generateKey(await tokenOf(settings), wantedOf(settings));
    if (settings.json) return emitJson(io, key);
    await emit(io, recipientOf(settings.provider!, key));
    await write(io.stderr, `token ${key.tokenSerial} has a new key, ${key.masterKeyId}: it wraps by ${key.scheme}\n`);
  });
  return define("pkcs11", "Tokens of the pkcs11 provider", [], []).addCommand(generate);
}

async function tokenOf(settings: Settings): Promise<Parameters<typeof generateKey>[0]> {
  const { loadConfiguration } = await import("../../config/index.ts");
  const { configuration } = await loadConfiguration(required(settings.config, "--config", "KEYBROKER_CONFIG"));
  const name = required(settings.provider, "--provider", "KEYBROKER_PROVIDER");
  const provider = configuration.providers.get(name);
  if (provider?.kind === "pkcs11") return provider.settings as Parameters<typeof generateKey>[0];
  throw usage(provider ? `provider ${name} is of kind ${provider.kind}` : `there is no provider ${name}`);
}

function wantedOf({ label, id, scheme }: Settings): Parameters<typeof generateKey>[1] {
  if (id !== undefined && !/^([0-9a-f]{2}){1,64}$/.test(id))
    throw usage("--id is 1 to 64 bytes in lower-case hexadecimal digits, such as 0a");
  if (scheme !== undefined && !schemeNames.some((name) => name === scheme))
    throw usage(`--scheme is one of ${schemeNames.join(", ")}`);
  return { label: required(label, "--label", "KEYBROKER_LABEL"), id, scheme: scheme as SchemeName | undefined };
}

/** The line for a key's wrapTo. */
function recipientOf(provider: string, { label, id, scheme }: GeneratedKey): string {
  const allow = scheme.startsWith("rsa-") ? ", allowUnauthenticatedWrap: true" : "";
  return `- { provider: ${provider}, label: ${JSON.stringify(label)}, id: "${id}"${allow} }\n`;
}
