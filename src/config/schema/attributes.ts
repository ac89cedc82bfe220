// What identities have beside a name: pairs that a rule's conditions compare with a call's context.

import { z } from "zod";
import { nameAttribute } from "../condition.ts";
import { contextName } from "./keys.ts";

const maxAttributes = 32;
const valueWords = "expected a text of 1 to 1024 bytes, in quotes where YAML could take it for something else";

/** A name of an attribute; every identity has a `name` by itself. */
const attributeName = contextName.refine((text) => text !== nameAttribute, {
  error: "every identity has this attribute by itself: it is its name",
});

const value = z
  .string({ error: valueWords })
  .refine((text) => text !== "" && text.isWellFormed() && Buffer.byteLength(text) <= 1_024, { error: valueWords });

const tooMany = { error: `an identity has at most ${maxAttributes} attributes` };

/** Names of attributes, each with something. */
export function attributeMap<Content extends z.ZodType<unknown, string>>(content: Content, error: string) {
  return z.record(attributeName, content, { error }).refine((map) => Object.keys(map).length <= maxAttributes, tooMany);
}

/** An identity's attributes. */
export const attributes = attributeMap(value, "expected a map of attributes, such as { tenant: a }")
  .prefault({})
  .describe(
    "What the conditions of rules may compare with a call's context, as in `context.tenant == identity.tenant`.",
  );
