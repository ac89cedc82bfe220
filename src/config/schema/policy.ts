// The part `policy`: who may do what with which key.

import { z } from "zod";
import { isKeyName } from "../../envelope/index.ts";
import { permissions } from "../configuration.ts";
import { name, oneOf, oneOrMore } from "./words.ts";

const patternWords = 'expected a key name, "prefix/*" for all below it, or "*" for every key';

const keyPattern = z
  .string({ error: patternWords })
  .refine((pattern) => pattern === "*" || isKeyName(pattern.replace(/\/\*$/, "")), { error: patternWords })
  .meta({ title: "key pattern" });

/** One rule. */
export const rule = z
  .strictObject(
    {
      who: oneOrMore(name, "the name of an identity").describe("The identities it is for."),
      may: oneOrMore(oneOf(permissions), "a permission").describe("What they may do."),
      keys: oneOrMore(keyPattern, "a key").describe(
        "With which keys: an exact name, `prefix/*` for every name below it, or `*`. `admin.status` is about no key and needs `*`.",
      ),
    },
    { error: "expected a map with who, may and keys" },
  )
  .describe("A rule that allows. What no rule allows is denied.");

/** A rule as the schema leaves it. */
export type RuleEntry = z.output<typeof rule>;
