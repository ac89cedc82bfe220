// What the library writes when its logging is switched on by a variable. It stays on for a process, hence a file alone.

import { expect, test, vi } from "vitest";
import { binding, never, startBench, wrapped } from "./bench.ts";

test("the library's logging shows no material and no token", async () => {
  vi.stubEnv("GOOGLE_SDK_NODE_LOGGING", "*");
  const bench = await startBench();
  const written: string[] = [];
  const spies = [process.stderr, process.stdout].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((chunk) => written.push(String(chunk)) > 0),
  );
  const consoles = (["log", "error", "warn", "info"] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation((...words) => void written.push(words.map(String).join(" "))),
  );
  const provider = await bench.open({});
  const { stored } = await bench.key();
  const key = await bench.masterKey(stored.name, provider);
  const { material, wrapped: blob, scheme } = await wrapped(key);
  await key.unwrap(blob, scheme, binding, never());
  await bench.stop();
  for (const spy of [...spies, ...consoles]) spy.mockRestore();
  const said = written.join("\n");
  expect(said, "the logging is on").toContain("ending gRPC channel");
  for (const form of ["hex", "base64", "base64url"] as const) expect(said).not.toContain(material.toString(form));
  expect(said).not.toContain(material.toJSON().data.slice(0, 8).join(","));
  expect(said).not.toContain("Bearer");
});
