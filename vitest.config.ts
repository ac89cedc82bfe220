// The test projects: unit needs no build and no backend; the others start what they need in their global set-up.

import { defineConfig } from "vitest/config";

const project = (name: string, timeoutMs: number, more: object = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    ...more,
  },
});

/** Files that replace modules: they need a module graph of their own. */
const mocked = "test/unit/**/*.mocked.test.ts";

const started = { globalSetup: ["test/backends/setup.ts"] };

// `long` is no part of `npm test`: soaks, floods and growth, by `npm run test:long`.
export default defineConfig({
  test: {
    projects: [
      // One module graph for the files of a process: loading it anew for each would take most of the time.
      project("unit", 10_000, { isolate: false, exclude: [mocked] }),
      project("unit-mocked", 10_000, { include: [mocked] }),
      project("conformance", 60_000),
      project("docs", 60_000, started),
      project("e2e", 120_000, started),
      // Subjects meet their faults side by side, and a test waits for those before it.
      project("faults", 600_000, { ...started, maxConcurrency: 1_000 }),
      project("long", 1_800_000, started),
    ],
  },
});
