// Finds provider kinds: first-party ones in providers/, others in npm modules that the configuration names.

import { BrokerError } from "../errors/index.ts";
import type { ProviderKind } from "./provider.ts";

const firstParty: Readonly<Record<string, () => Promise<{ readonly default: ProviderKind }>>> = {
  env: () => import("../../providers/env/index.ts"),
  "aws-kms": () => import("../../providers/aws-kms/index.ts"),
  "gcp-kms": () => import("../../providers/gcp-kms/index.ts"),
  vault: () => import("../../providers/vault/index.ts"),
  pkcs11: () => import("../../providers/pkcs11/index.ts"),
};

/** The kinds that come with the daemon. */
export const firstPartyKinds: readonly string[] = Object.keys(firstParty);

/** Which kind a provider of the configuration is. */
export interface KindReference {
  readonly kind: string;
  /** An npm module whose default export is the kind; undefined for a first-party one. */
  readonly module?: string | undefined;
  /** Where the module's providers run: in a child process, the default, or in this one. */
  readonly process?: "child" | "daemon" | undefined;
}

/** A call of a module that has not ended so long after its abort means a blocked child. */
const killAfterMs = 5_000;

/**
 * Loads a kind. Throws REQUEST_INVALID when there is none of that name, or when the module is not there or does not
 * export one of that name with a third party's number (128–255).
 */
export async function loadKind(reference: KindReference): Promise<ProviderKind> {
  if (reference.module !== undefined) {
    const kind = await loadModule(reference.kind, reference.module);
    return reference.process === "daemon" ? kind : inChild(kind, reference.module);
  }
  const load = Object.hasOwn(firstParty, reference.kind) ? firstParty[reference.kind] : undefined;
  if (!load) {
    const known = firstPartyKinds.join(", ");
    throw invalid(
      `there is no provider kind "${reference.kind}": it is one of ${known}, or of an npm module named by module`,
    );
  }
  return (await load()).default;
}

async function loadModule(kind: string, module: string): Promise<ProviderKind> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(module)) as { default?: unknown };
  } catch (cause) {
    throw invalid(`the npm module "${module}" of provider kind "${kind}" cannot be loaded: is it installed?`, cause);
  }
  const found = loaded.default;
  const fault = faultOf(found, kind);
  if (fault) throw invalid(`the default export of the npm module "${module}" is no provider kind "${kind}": ${fault}`);
  return found as ProviderKind;
}

/** The kind with its providers in children. The module is in this process too, for its schemas, but opens nothing here. */
function inChild({ kind, number, schemes, settings, reference }: ProviderKind, module: string): ProviderKind {
  return {
    ...{ kind, number, schemes, settings, reference },
    async open(opened, notify) {
      const { openInChild } = await import("./child/index.ts");
      return await openInChild({ kind, module, settings: opened, killAfterMs, notify });
    },
  };
}

/** What is wrong with a third party's kind; undefined when nothing is. */
function faultOf(found: unknown, kind: string): string | undefined {
  if (typeof found !== "object" || found === null) return "it is no object";
  const { kind: name, number, schemes, settings, reference, open } = found as Partial<ProviderKind>;
  if (name !== kind) return "its kind has another name";
  if (!isByte(number) || number < 128) return "its number is not within 128 and 255";
  if (!Array.isArray(schemes) || schemes.length === 0 || !schemes.every(isByte))
    return "its schemes are no list of bytes";
  if (!isSchema(settings) || !isSchema(reference)) return "its settings or its reference is no zod schema";
  return typeof open === "function" ? undefined : "it has no open function";
}

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}

/** By shape: the module brings its own copy of zod, so instanceof would say no. */
function isSchema(value: unknown): boolean {
  return typeof (value as { safeParse?: unknown } | undefined)?.safeParse === "function";
}

function invalid(message: string, cause?: unknown): BrokerError {
  return new BrokerError("REQUEST_INVALID", message, { cause });
}
