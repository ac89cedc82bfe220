// Credentials of the machine itself, from its metadata server. The library remembers for a process where that is.

import { expect, test, vi } from "vitest";
import { startMetadataServer } from "../../../fakes/gcp-kms/token-services.ts";
import { never, startBench, wrapped } from "./bench.ts";

test("a machine of Google's wraps without any credentials in the configuration", async () => {
  const bench = await startBench();
  const metadata = await startMetadataServer(bench.account);
  vi.stubEnv("GCE_METADATA_HOST", `127.0.0.1:${metadata.port}`);
  vi.stubEnv("METADATA_SERVER_DETECTION", "assume-present");
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
  vi.stubEnv("HOME", bench.folder);
  const { stored } = await bench.key();
  const key = await bench.masterKey(stored.name, await bench.open({ credentials: undefined }));
  await wrapped(key);
  await key.probe(never());
  expect(metadata.tokens).toHaveLength(1);
  metadata.stop();
  await bench.stop();
});
