// What a child's answers must look like: one that does not is INTERNAL, and nothing of it is used.

import { z } from "zod";
import { BrokerError } from "../../errors/index.ts";
import { wipe } from "../../secret/index.ts";
import { abilities } from "./abilities.ts";
import type { Answer } from "./connection.ts";

const byte = z.int().min(0).max(255);
const version = z.string().max(255);
const protection = z.object({ level: z.string().max(100), authenticated: z.boolean() });

const masterKey = z.object({
  handle: z.int(),
  id: z.string(),
  wrapLimit: z.number().optional(),
  protection: protection.optional(),
  abilities: z.array(z.enum(abilities)),
});

/** A master key as the child describes it. */
export type Described = z.output<typeof masterKey>;

/** The answer to each operation. */
export const answers = {
  /** The one that wraps first, then those that only unwrap. */
  masterKey: z.object({ keys: z.array(masterKey).min(1).max(1_000) }),
  wrap: z.object({ scheme: byte, version, protection: protection.optional() }),
  unwrap: z.object({ version, rewrapDue: z.boolean(), protection: protection.optional() }),
  plain: z.object({ protection: protection.optional() }),
  versions: z.object({
    versions: z.array(
      z.object({
        version,
        state: z.enum(["primary", "enabled", "disabled"]),
        createdAt: z.iso
          .datetime()
          .transform((text) => new Date(text))
          .optional(),
      }),
    ),
  }),
  rotate: z.object({ version }),
};

/** One of an examination's findings. */
export const finding = z.object({
  check: z.string().max(200),
  outcome: z.enum(["good", "bad", "note"]),
  detail: z.string().max(2_000),
  fix: z.string().max(2_000).optional(),
});

/** A notice. */
export const notice = z.object({
  topic: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  level: z.enum(["warning", "error"]),
  message: z.string().max(2_000),
});

/** The answer's value as its schema makes it, and so many fields; otherwise INTERNAL, with the fields wiped. */
export function readAnswer<T>(kind: string, answer: Answer, schema: z.ZodType<T>, fieldCount = 0): T {
  const { success, data } = schema.safeParse(answer.value);
  if (success && answer.fields.length === fieldCount) return data;
  wipe(...answer.fields);
  throw new BrokerError("INTERNAL", `the ${kind} provider's process gave an answer that is not of the expected form`);
}
