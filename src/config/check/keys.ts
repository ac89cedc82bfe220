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
  if (wrapNeeds < unwrapNeeds) {
    errors.push({
      path,
      message: `fewer recipients would hold a branch key than unwrapNeeds (${unwrapNeeds}) asks for`,
    });
  }
}

/** Two providers with equal settings are one backend, so the provider's digest counts and not its name. */
function checkRecipients(key: KeyConfiguration, { providers }: Parts, faults: Faults): void {
  const fields = ["wrapTo", "unwrapOnly"] as const;
  const places = fields.flatMap((field) =>
    key[field].map((recipient, index) => ({ recipient, path: ["keys", key.name, field, index] })),
  );
  refuseRepeats(
    places,
    ({ recipient }) => {
      const provider = providers.configurations.get(recipient.provider)?.digest;
      return provider === undefined ? undefined : digestOf([provider, recipient.reference]);
    },
    ({ path }, first) => ({
      path,
      message: `this is the same master key as ${pathText(first.path)}: a key's recipients are different master keys`,
    }),
    faults,
  );
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
