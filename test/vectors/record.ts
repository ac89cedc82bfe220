// Has real providers wrap what the vectors of real.ts lack, and adds it to recorded.json: node test/vectors/record.ts.
// What is recorded stays: it is never made anew.

import { writeFileSync } from "node:fs";
import { material } from "../../src/envelope/index.ts";
import { bindingOf } from "../../src/provider/index.ts";
import type { MasterKey, Provider } from "../../src/provider/index.ts";
import { backends, masterKeyOf, openProvider } from "./masters/index.ts";
import type { MasterBackend, MasterBench } from "./masters/index.ts";
import { realRecipe, realShare, realVectors } from "./real.ts";
import type { RealVector } from "./real.ts";
import { blobName, recorded, recordedFile } from "./recorded.ts";
import type { MasterName, RecordedBlob, RecordedMaster } from "./recorded.ts";

interface Place {
  readonly vector: RealVector;
  readonly position: number;
  readonly master: MasterName;
}

const masters: Partial<Record<MasterName, RecordedMaster>> = { ...recorded.masters };
const blobs: RecordedBlob[] = [...recorded.blobs];
const signal = new AbortController().signal;

/** The places for which nothing is recorded yet. */
function missing(): Place[] {
  const has = new Set(recorded.blobs.map(({ name }) => name));
  return realVectors.flatMap((vector) =>
    vector.holders.flatMap((master, i) => {
      const position = i + 1;
      return master === "env" || has.has(blobName(vector.name, position)) ? [] : [{ vector, position, master }];
    }),
  );
}

async function record({ start, masters: names }: MasterBackend, places: readonly Place[]): Promise<void> {
  const bench = await start();
  if (!bench) throw new Error(`the backend of ${names.join(", ")} is not here`);
  try {
    await recordOn(bench, names, places);
  } finally {
    await bench.stop();
  }
}

async function recordOn(bench: MasterBench, names: readonly MasterName[], places: readonly Place[]): Promise<void> {
  const provider = await openProvider(bench);
  try {
    for (const name of names) {
      const mine = places.filter(({ master }) => master === name);
      if (mine.length === 0) continue;
      const masterKey = await bring(bench, provider, name);
      for (const place of mine) blobs.push(await wrap(masterKey, bench.kind.number, place));
    }
  } finally {
    await provider.close();
  }
}

async function bring(bench: MasterBench, provider: Provider, name: MasterName): Promise<MasterKey> {
  const kept = masters[name];
  const { reference, restore } = await bench.bring(name, kept);
  const masterKey = await masterKeyOf(provider, bench, reference, kept);
  const { backend, backendVersion } = bench;
  const on = new Date().toISOString().slice(0, 10);
  const made = {
    kind: bench.kind.kind,
    masterKeyId: masterKey.id,
    restore,
    recorded: { on, backend, backendVersion },
  };
  masters[name] = kept ?? made;
  return masterKey;
}

async function wrap(masterKey: MasterKey, kind: number, { vector, position, master }: Place): Promise<RecordedBlob> {
  const { suite, branchId } = realRecipe(vector);
  const { threshold, holders } = vector;
  const facts = { suite, realm: "prod", key: "backups/db", branchId, threshold };
  const binding = bindingOf({ ...facts, share: position, recipients: holders.length });
  const { wrapped, scheme, version } = await masterKey.wrap(
    material(realShare(vector, position), binding),
    binding,
    signal,
  );
  return {
    name: blobName(vector.name, position),
    master,
    kind,
    scheme,
    masterKeyId: masterKey.id,
    version,
    wrapped: Buffer.from(wrapped).toString("hex"),
  };
}

const wanted = missing();
for (const backend of Object.values(backends)) {
  const places = wanted.filter(({ master }) => backend.masters.includes(master));
  if (places.length > 0) await record(backend, places);
}
writeFileSync(recordedFile, `${JSON.stringify({ masters, blobs }, null, 2)}\n`);
console.log(`${wanted.length} blobs added to ${recordedFile}`);
