// The part `keys`: what callers name, and the master keys behind it.

import { z } from "zod";
import { duration, flag, isWithoutRepeats, keyName, name, oneOf, wholeNumber } from "./words.ts";

const recipient = z
  .looseObject(
    { provider: name.describe("A name under `providers`.") },
    { error: "expected a map with provider and what its kind needs to find the master key" },
  )
  .describe("A master key. The fields beside `provider` are its kind's; for `env` there may be none.");

const recipientsWords = "expected a list of recipients, at most 8, such as [{ provider: local }]";
const recipients = z.array(recipient, { error: recipientsWords }).max(8, { error: recipientsWords });

const contextWords = 'expected a context name: a-z, 0-9, ".", "_", "/" and "-", at most 64';

/** A name of a context pair. */
export const contextName = z
  .string({ error: contextWords })
  .regex(/^[a-z0-9][a-z0-9._/-]{0,63}$/, { error: contextWords })
  .meta({ title: "context name" });

/** A list of names of context pairs. */
export const contextNames = z
  .array(contextName, { error: "expected a list of context names, at most 32" })
  .max(32, { error: "expected a list of context names, at most 32" })
  .refine(isWithoutRepeats, { error: "the same name stands here twice" });

const context = z
  .strictObject({
    required: flag.prefault(true).describe("Wrapping without a context is refused."),
    require: contextNames.prefault([]).describe("Names that a context must have when wrapping."),
  })
  .prefault({})
  .describe("What a caller must give to wrap, and then to unwrap again.");

const branchKey = z
  .strictObject({
    maxAge: duration("1s", "30d").prefault("1h").describe("How long a branch key seals new envelopes."),
    maxWraps: wholeNumber(1, 4_294_967_296)
      .prefault(1_048_576)
      .describe("How many envelopes a branch key seals; 1 sends every wrap to the providers."),
    grace: duration("0s", "30d")
      .prefault("6h")
      .describe("How much longer a due branch key seals while no new one can be made, within maxWraps."),
  })
  .prefault({})
  .describe("How long one branch key serves.");

const cacheFields = z.strictObject({
  maxAge: duration("1s", "1d")
    .prefault("10m")
    .describe("How long an unwrapped branch key is kept, from its loading and never longer."),
  maxEntries: wholeNumber(1, 1_000_000).prefault(1_000).describe("How many of them are kept for this key."),
});

const unwrapCache = z
  .union([z.literal("none"), cacheFields], { error: "expected none, or a map of maxAge and maxEntries" })
  .prefault({})
  .describe("What is kept of unwrapped branch keys; `none` sends every unwrap to the providers.");

/** One key. */
export const key = z
  .strictObject(
    {
      wrapTo: recipients
        .min(1, { error: recipientsWords })
        .describe(
          "The master keys that a new branch key is wrapped for, in the order in which they are asked to unwrap.",
        ),
      unwrapOnly: recipients.prefault([]).describe("Retired master keys: asked to unwrap, never to wrap."),
      wrapNeeds: wholeNumber(1, 8)
        .optional()
        .describe("How many of wrapTo must accept a new branch key. Left out: all of them."),
      unwrapNeeds: wholeNumber(1, 8)
        .prefault(1)
        .describe(
          "How many recipients it takes to unwrap: 1 is any of them, more is a quorum. Envelopes that fewer could open are refused.",
        ),
      unwrapDelay: duration("0s", "1m")
        .prefault("2s")
        .describe("How long a recipient may take to unwrap before the next one is asked beside it."),
      formerNames: z
        .array(keyName, { error: "expected a list of key names" })
        .refine(isWithoutRepeats, { error: "the same name stands here twice" })
        .prefault([])
        .describe("Names under which this key's older envelopes were made. They are never given to another key."),
      context,
      branchKey,
      unwrapCache,
      verifyWrap: oneOf(["all", "none"])
        .prefault("all")
        .describe(
          "`all`: a new branch key seals nothing until every recipient has unwrapped it again. `none`: for hosts that may only encrypt.",
        ),
      onStoreLoss: oneOf(["allow", "refuse"])
        .prefault("allow")
        .describe(
          "Whether unwrapping goes on, under the stops known by then, while the store cannot be reached. `refuse` needs a store.",
        ),
    },
    { error: "expected a map with wrapTo" },
  )
  .describe("A key that callers name.");

/** A key as the schema leaves it. */
export type KeyEntry = z.output<typeof key>;
