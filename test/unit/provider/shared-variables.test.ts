import { expect, test, vi } from "vitest";
import { provideVariable } from "../../../src/provider/variables.ts";

test("a provider that brings its own copy of the module finds the variables that the daemon was handed", async () => {
  provideVariable("SHARED_FOR_A_TEST", Buffer.from("value"));
  vi.resetModules();
  const copy = await import("../../../src/provider/variables.ts");
  expect(copy.provideVariable).not.toBe(provideVariable);
  expect(copy.takeVariable("SHARED_FOR_A_TEST")?.toString()).toBe("value");
});
