// Checks of keys that need more than the key's own fields: recipients, needs, former names.

import type { Parts } from "../build.ts";
import type { KeyConfiguration } from "../configuration.ts";
import { digestOf } from "../kinds.ts";
import { pathText } from "../problem.ts";
import { refuseRepeats, type Faults } from "./faults.ts";

/** All checks of keys. */
export function checkKeys(parts: Parts, faults: Faults): void {
  for (const key of parts.keys.values()) {
    checkNeeds(key, faults);
    checkRecipients(key, parts, faults);
    checkQuorum(key, parts, faults);
    checkWeakest(key, parts, faults);
    checkContext(key, faults);
  }
  checkFormerNames(parts, faults);
  checkUse(parts, faults);
}

function checkNeeds({ name, wrapTo, wrapNeeds, unwrapNeeds }: KeyConfiguration, { errors }: Faults): void {
  const path = ["keys", name, "wrapNeeds"];
  // Recipients with faults are not in wrapTo: without them a number says nothing.
  if (wrapTo.length > 0 && wrapNeeds > wrapTo.length) {
    errors.push({
      path,
      message: `${wrapNeeds} recipients must accept a branch key, and wrapTo lists ${wrapTo.length}`,
    });
  }
  if (wrapTo.length > 0 && unwrapNeeds > wrapTo.length) {
    errors.push({
      path: ["keys", name, "unwrapNeeds"],
      message: `${unwrapNeeds} recipients would have to open an envelope, and wrapTo lists ${wrapTo.length}`,
    });
  } else if (wrapNeeds < unwrapNeeds) {
    errors.push({
      path,
      message: `fewer recipients would hold a branch key than unwrapNeeds (${unwrapNeeds}) asks for`,
    });
  }
}

/** In a quorum, one provider's loss or compromise must count once. */
function checkQuorum(key: KeyConfiguration, { providers }: Parts, faults: Faults): void {
  if (key.unwrapNeeds === 1) return;
  refuseRepeats(
    key.wrapTo.map(({ provider }, index) => ({ provider, path: ["keys", key.name, "wrapTo", index] })),
    ({ provider }) => providers.configurations.get(provider)?.digest,
    ({ path }, first) => ({
      path,
      message: `this is of the same provider as ${pathText(first.path)}: with unwrapNeeds ${key.unwrapNeeds} each recipient is of another one`,
    }),
    faults,
  );
}

/** Where any one recipient opens, the weakest is what an attacker takes. A retired one is on its way out. */
function checkWeakest({ name, wrapTo, unwrapNeeds }: KeyConfiguration, { providers }: Parts, faults: Faults): void {
  const kindOf = (provider: string) => providers.configurations.get(provider)?.kind;
  const guarded = wrapTo.find(({ provider }) => (kindOf(provider) ?? "env") !== "env");
  if (unwrapNeeds > 1 || guarded === undefined) return;
  wrapTo.forEach(({ provider }, index) => {
    if (kindOf(provider) !== "env") return;
    const message = `any one recipient opens, so the master key in ${provider}, which is in the daemon's memory, opens all that ${guarded.provider} guards`;
    faults.warnings.push({ path: ["keys", name, "wrapTo", index], message });
  });
}

/**
 * Two providers with equal settings are one backend, so the provider's digest counts and not its name. A cloud's own
 * name of a master key is the same master key whichever way the cloud is reached.
 */
function checkRecipients(key: KeyConfiguration, { providers }: Parts, faults: Faults): void {
  const fields = ["wrapTo", "unwrapOnly"] as const;
  const places = fields.flatMap((field) =>
    key[field].map((recipient, index) => ({ recipient, path: ["keys", key.name, field, index] })),
  );
  refuseRepeats(
    places,
    ({ recipient }) => {
      const provider = providers.configurations.get(recipient.provider);
      if (provider === undefined) return undefined;
      const where = isNamedWorldwide(recipient.reference) ? provider.kind : provider.digest;
      return digestOf([where, recipient.reference]);
    },
    ({ path }, first) => ({
      path,
      message: `this is the same master key as ${pathText(first.path)}: a key's recipients are different master keys`,
    }),
    faults,
  );
}

/** An ARN of a key, or a CryptoKey's name. */
function isNamedWorldwide(reference: unknown): boolean {
  const { key } = (reference ?? {}) as { key?: unknown };
  return typeof key === "string" && /^(arn:[^:]+:kms:[^:]+:[0-9]+:key\/|projects\/)/.test(key);
}

function checkContext({ name, context }: KeyConfiguration, { errors }: Faults): void {
  if (context.required || context.require.length === 0) return;
  const message = "false contradicts require, which no empty context has";
  errors.push({ path: ["keys", name, "context", "required"], message });
}

/** A name once used belongs to its key for ever: envelopes carry it. */
function checkFormerNames({ keys, names }: Parts, faults: Faults): void {
  const former = [...keys.values()].flatMap((key) =>
    key.formerNames.map((name, index) => ({ name, of: key.name, path: ["keys", key.name, "formerNames", index] })),
  );
  for (const { name, path } of former) {
    if (!names.keys.has(name)) continue;
    faults.errors.push({
      path,
      message: `"${name}" is a present key's name: a name once used is never given to another key`,
    });
  }
  refuseRepeats(
    former,
    ({ name }) => name,
    ({ name, path }, first) => ({ path, message: `"${name}" is a former name of ${first.of} already` }),
    faults,
  );
}

function checkUse({ keys, providers }: Parts, { warnings }: Faults): void {
  const used = new Set([...keys.values()].flatMap((key) => [...key.wrapTo, ...key.unwrapOnly].map((r) => r.provider)));
  for (const name of providers.configurations.keys()) {
    if (!used.has(name))
      warnings.push({ path: ["providers", name], atName: true, message: "no key uses this provider" });
  }
}
