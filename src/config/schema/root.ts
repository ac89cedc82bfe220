// The whole configuration's schema: what is read, and what the JSON Schema and the documentation are made from.

import { z } from "zod";
import { approvers } from "./approvers.ts";
import { identity } from "./identities.ts";
import { key } from "./keys.ts";
import { listener } from "./listeners.ts";
import { rule } from "./policy.ts";
import { provider } from "./providers.ts";
import { audit, limits, log, metrics, store } from "./rest.ts";
import { keyName, name, oneOrMore, realm } from "./words.ts";

const versionWords = "expected 1, the only version there is";

/** The parts that stand alone; the maps of named entries are read entry by entry. */
const alone = {
  version: z.literal(1, { error: versionWords }).describe("The version of this file's format: 1."),
  realm: realm.describe("The deployment's name. It stands in every envelope; envelopes of other realms are refused."),
  acceptRealms: z
    .array(realm, { error: "expected a list of realms" })
    .prefault([])
    .describe("Other realms whose envelopes are opened too, as after a move."),
  audit,
  store,
  metrics,
  log,
  limits,
};

const groups = z
  .record(name, oneOrMore(name, "the name of an identity"), { error: "expected a map of groups, each under its name" })
  .prefault({})
  .describe("Groups of identities, each a list of names: a rule's `who` may name one.");

const mapOf = (what: string) => ({ error: `expected a map of ${what}` });
const rulesWords = "expected a list of rules";

/** The file, with its named entries unread. */
export const shell = z.strictObject(
  {
    ...alone,
    providers: z.record(z.string(), z.unknown(), mapOf("providers, each under its name")),
    keys: z.record(z.string(), z.unknown(), mapOf("keys, each under its name")),
    listeners: z.record(z.string(), z.unknown(), mapOf("listeners, each under its name")),
    identities: z.record(z.string(), z.unknown(), mapOf("identities, each under its name")).prefault({}),
    groups,
    approvers,
    policy: z.array(z.unknown(), { error: rulesWords }),
  },
  { error: "expected a map that begins with version: 1" },
);

/** The file as the shell leaves it. */
export type ShellEntry = z.output<typeof shell>;

/** The file with everything in it. */
export const root = z.strictObject({
  ...alone,
  providers: z.record(name, provider).describe("The backends that hold master keys, each under its name."),
  keys: z.record(keyName, key).describe("The keys that callers name."),
  listeners: z.record(name, listener).describe("Where callers come in, each under its name."),
  identities: z
    .record(name, identity)
    .prefault({})
    .describe(
      "Callers that show a certificate or a token, each under its name. A unix listener names its identity itself.",
    ),
  groups,
  approvers,
  policy: z.array(rule, { error: rulesWords }).describe("Who may do what. What no rule allows is denied."),
});
