// Years later: each recorded master key is brought back into a fresh backend, and unwraps what it once wrapped.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createBroker } from "../../src/broker/index.ts";
import type { Broker, Scope } from "../../src/broker/index.ts";
import type { Configuration, KeyConfiguration } from "../../src/config/configuration.ts";
import { contextHash, decode, shareOf } from "../../src/envelope/index.ts";
import type { Envelope } from "../../src/envelope/index.ts";
import type { Binding, MasterKey, Provider } from "../../src/provider/index.ts";
import { available } from "../backends/available.ts";
import { openbao } from "../backends/openbao.ts";
import { softhsm } from "../backends/softhsm.ts";
import { choices } from "../vectors/choices.ts";
import { backends, masterKeyOf, openProvider } from "../vectors/masters/index.ts";
import type { MasterBench } from "../vectors/masters/index.ts";
import { bindingAt } from "../vectors/open.ts";
import { realShare, realVectors } from "../vectors/real.ts";
import type { RealVector } from "../vectors/real.ts";
import { recorded } from "../vectors/recorded.ts";
import type { MasterName } from "../vectors/recorded.ts";
import { readGolden } from "../vectors/vectors.ts";
import type { ValidJson } from "../vectors/vectors.ts";

const signal = new AbortController().signal;
const golden = new Map(readGolden<ValidJson>("valid"));

/** A backend with every recorded master key of its kind. */
interface World {
  readonly name: string;
  readonly bench: MasterBench;
  readonly provider: Provider;
  readonly references: ReadonlyMap<MasterName, unknown>;
}

async function startWorld(backend: string): Promise<World> {
  const { start, masters } = backends[backend]!;
  const bench = (await start())!;
  const references = new Map<MasterName, unknown>();
  for (const name of masters) references.set(name, (await bench.bring(name, recorded.masters[name])).reference);
  return { name: backend, bench, provider: await openProvider(bench), references };
}

async function stopWorld({ bench, provider }: World): Promise<void> {
  await provider.close();
  await bench.stop();
}

/** Vectors that a master key alone can open, and its place in them. */
function placesOf(master: MasterName): { vector: RealVector; position: number; envelope: Envelope }[] {
  return realVectors.flatMap((vector) => {
    const position = vector.holders.indexOf(master) + 1;
    return position === 0 ? [] : [{ vector, position, envelope: envelopeOf(vector) }];
  });
}

const envelopeOf = ({ name }: RealVector) => decode(Buffer.from(golden.get(name)!.envelope!, "hex"));

/** A broker that knows these master keys and no other: no env provider. */
async function brokerOver(worlds: readonly World[], names: readonly MasterName[], needs: number) {
  const of = (name: MasterName) => worlds.find(({ references }) => references.has(name))!;
  const providers = worlds.map(({ name, bench: { kind, settings } }) => {
    const read = { name, kind: name, module: undefined, settings: kind.settings.parse(settings()), digest: name };
    return [name, read] as const;
  });
  const wrapTo = names.map((name) => {
    const { name: provider, bench, references } = of(name);
    return { provider, reference: bench.kind.reference.parse(references.get(name)) };
  });
  const key: KeyConfiguration = {
    name: "backups/db",
    formerNames: [],
    wrapTo: wrapTo,
    unwrapOnly: [],
    wrapNeeds: needs,
    unwrapNeeds: needs,
    unwrapDelayMs: 2_000,
    context: { required: true, require: [] },
    branchKey: { maxAgeMs: 3_600_000, maxWraps: 2 ** 20, graceMs: 0 },
    unwrapCache: { maxAgeMs: 600_000, maxEntries: 1_000 },
    verifyWrap: true,
    onStoreLoss: "allow",
  };
  const configuration = {
    realm: "prod",
    acceptRealms: [],
    providers: new Map(providers),
    keys: new Map([[key.name, key]]),
    limits: { callTimeoutMs: 30_000, maxProviderCalls: 64, providerTimeoutMs: 20_000 },
  } as unknown as Configuration;
  const kindOf = (name: string) => worlds.find((world) => world.name === name)!.bench.kind;
  const kinds = ({ kind }: { kind: string }) => Promise.resolve(kindOf(kind));
  return { key, broker: await createBroker({ configuration, kinds }) };
}

async function opened({ broker, key }: { broker: Broker; key: KeyConfiguration }, vector: RealVector): Promise<string> {
  const scope: Scope = {
    deadlineMs: performance.now() + 30_000,
    signal: () => signal,
    beforeProvider: () => Promise.resolve(),
  };
  const { context } = golden.get(vector.name)!;
  const { dataKey } = await broker.unwrap(key, envelopeOf(vector), contextHash(context), scope);
  return dataKey.toString("hex");
}

const missing = [...(available(openbao) ? [] : ["vault"]), ...(available(softhsm) ? [] : ["pkcs11"])];

test("every recorded master key is looked at", () => {
  const looked = Object.values(backends).flatMap(({ masters }) => masters);
  expect(looked.toSorted()).toEqual(Object.keys(recorded.masters).sort());
});

describe.each(Object.keys(backends).filter((name) => !missing.includes(name)))("%s", (backend) => {
  let world: World;
  beforeAll(async () => void (world = await startWorld(backend)));
  afterAll(() => stopWorld(world));

  describe.each(backends[backend]!.masters)("%s", (name) => {
    let masterKey: MasterKey;
    beforeAll(async () => {
      masterKey = await masterKeyOf(world.provider, world.bench, world.references.get(name), recorded.masters[name]);
    });

    const unwrap = async (envelope: Envelope, position: number, binding: Binding): Promise<Buffer> => {
      const { wrapped, scheme } = envelope.recipients[position - 1]!;
      return shareOf((await masterKey.unwrap(wrapped, scheme, binding, signal)).material, binding);
    };

    test.each(placesOf(name))("unwraps its share of $vector.name", async ({ vector, position, envelope }) => {
      const share = await unwrap(envelope, position, bindingAt(envelope, position));
      expect(share.equals(realShare(vector, position))).toBe(true);
    });

    test("refuses its blob of one vector in another's place", async () => {
      const [one, other] = placesOf(name);
      const wrong = unwrap(one!.envelope, one!.position, bindingAt(other!.envelope, other!.position));
      await expect(wrong).rejects.toMatchObject({ reason: "ENVELOPE_REFUSED" });
    });

    test("opens whole envelopes through the broker, with no other master key", async () => {
      const over = await brokerOver([world], [name], 1);
      const alone = placesOf(name).filter(({ vector }) => vector.threshold === 1);
      expect(alone.length).toBeGreaterThan(1);
      try {
        for (const { vector } of alone) expect(await opened(over, vector)).toBe(golden.get(vector.name)!.dataKey);
      } finally {
        await over.broker.close();
      }
    });
  });
});

test.skipIf(missing.includes("pkcs11"))("the token is another than the one that wrapped", async () => {
  const world = await startWorld("pkcs11");
  try {
    for (const name of backends["pkcs11"]!.masters) {
      const reference = world.bench.kind.reference.parse(world.references.get(name));
      const { id, unwrapOnly } = await world.provider.masterKey(reference, signal);
      expect(id).not.toBe(recorded.masters[name]!.masterKeyId);
      expect(unwrapOnly!.map((former) => former.id)).toContain(recorded.masters[name]!.masterKeyId);
    }
  } finally {
    await stopWorld(world);
  }
});

describe.skipIf(missing.length > 0)("a quorum of three kinds", () => {
  let worlds: readonly World[];
  beforeAll(async () => void (worlds = await Promise.all(Object.keys(backends).map(startWorld))));
  afterAll(() => Promise.all(worlds.map(stopWorld)));

  const quorums = realVectors.filter(({ threshold }) => threshold > 1);
  const pairs = quorums.flatMap((vector) =>
    choices(vector.holders as readonly MasterName[], vector.threshold).map((names) => ({
      vector,
      names,
      who: names.join(" and "),
    })),
  );

  test.each(pairs)("$who open $vector.name through the broker", async ({ vector, names }) => {
    const over = await brokerOver(worlds, names, vector.threshold);
    try {
      expect(await opened(over, vector)).toBe(golden.get(vector.name)!.dataKey);
    } finally {
      await over.broker.close();
    }
  });

  test.each(quorums)("one master key does not open $name", async (vector) => {
    const over = await brokerOver(worlds, [vector.holders[0] as MasterName], 1);
    try {
      await expect(opened(over, vector)).rejects.toMatchObject({ reason: "ENVELOPE_REFUSED" });
    } finally {
      await over.broker.close();
    }
  });
});
