// The part `providers`: backends that hold master keys. What stands beside kind and module is the kind's to say.

import { z } from "zod";
import { name } from "./words.ts";

const moduleWords = "expected the name of an npm module";

/** The fields that every provider has. */
export const provider = z
  .looseObject(
    {
      kind: name.describe("The kind of backend: one that comes with the daemon, or one that `module` brings."),
      module: z
        .string({ error: moduleWords })
        .regex(/^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*(\/[a-zA-Z0-9._/-]+)?$/, { error: moduleWords })
        .optional()
        .describe("The npm module that brings the kind; for first-party kinds it is left out."),
      process: z
        .enum(["child", "daemon"], { error: "expected child or daemon" })
        .optional()
        .describe("With `module`: where it runs, in a `child` process (the default) or in the `daemon`."),
    },
    { error: "expected a map with kind and the kind's own fields" },
  )
  .superRefine(({ module, process }, context) => {
    if (process === undefined || module !== undefined) return;
    const message = "process stands beside module alone: a first-party kind knows where it runs";
    context.addIssue({ code: "custom", path: ["process"], message });
  })
  .describe("A backend that holds master keys. The other fields are its kind's.");

/** What the provider part says of one provider, before its kind has read the rest. */
export type ProviderEntry = z.output<typeof provider>;
