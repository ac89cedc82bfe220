// The test projects: unit needs no build and no backend; the others start what they need in their global set-up.

import { defineConfig } from "vitest/config";

const project = (name: string, timeoutMs: number, globalSetup: string[] = []) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: timeoutMs, hookTimeout: timeoutMs, globalSetup },
});

// `long` is no part of `npm test`: soaks, floods and growth, by `npm run test:long`.
export default defineConfig({
  test: {
    projects: [
      project("unit", 10_000),
      project("conformance", 60_000),
      project("docs", 60_000, ["test/backends/setup.ts"]),
      project("e2e", 120_000, ["test/backends/setup.ts"]),
      project("long", 1_800_000, ["test/backends/setup.ts"]),
    ],
  },
});
