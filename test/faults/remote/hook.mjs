// Lets a daemon find the small remote provider as if it were an installed npm module.

import { registerHooks } from "node:module";

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "keybroker-test-remote"
      ? { url: import.meta.resolve("./kind.ts"), shortCircuit: true }
      : next(specifier, context),
});
