// Does in the child what each call asks: opens the provider, finds its master keys, calls them.

import { BrokerError } from "../../errors/index.ts";
import { copy, wipe } from "../../secret/index.ts";
import type { Binding } from "../binding.ts";
import type { Notify, Provider, VersionState } from "../provider.ts";
import { createKeptKeys, newsOf } from "./kept-keys.ts";
import type { KeptKeys } from "./kept-keys.ts";
import type { BoundRequest, OpenRequest, Operation } from "./messages.ts";
import type { ChildModule } from "./open-in-child.ts";
import { unpackSettings } from "./settings.ts";
import { holdOn } from "./watchdog.ts";

/** An answer; its fields are handed over. */
interface Made {
  readonly value: unknown;
  readonly fields: readonly Uint8Array[];
}

/** What a call brings. */
interface Asked<T> {
  readonly request: T;
  /** Copied, where they are kept, before the first wait. */
  readonly fields: readonly Buffer[];
  readonly signal: AbortSignal;
  /** Takes an examination's findings. */
  readonly item: (finding: unknown) => void;
}

interface KeyRequest {
  readonly key: number;
}

type Work<T> = (asked: Asked<T>) => Promise<Made>;

/** The provider of this process, once it is open. */
interface State {
  provider: Provider | undefined;
  wipeSecrets: () => void;
  readonly notify: Notify;
  readonly keys: KeptKeys;
}

/** Serves one provider. */
export interface Office {
  /** Copies of the fields what it needs before it first waits. Throws what the provider threw. */
  handle(operation: Operation, asked: Asked<unknown>): Promise<Made>;
  /** Closes the provider. */
  close(): Promise<void>;
}

/** Makes an office without a provider: the first call is `open`. */
export function createOffice(notify: Notify): Office {
  const state: State = { provider: undefined, wipeSecrets: () => {}, notify, keys: createKeptKeys() };
  const all: Record<Operation, Work<never>> = {
    ...providerWork(state),
    ...bindingWork(state.keys),
    ...keyWork(state.keys),
  };
  return {
    handle: (operation, asked) => all[operation](asked as Asked<never>),
    async close() {
      await state.provider?.close();
      state.wipeSecrets();
    },
  };
}

function providerWork(state: State) {
  const open: Work<OpenRequest> = async ({ request: { module, settings, parent, watch }, fields }) => {
    const unpacked = unpackSettings(settings, fields);
    state.wipeSecrets = () => unpacked.wipe();
    await holdOn(parent, watch);
    const { default: kind } = await load(module);
    state.provider = await kind.open(unpacked.settings as never, state.notify);
    return plain({});
  };
  const masterKey: Work<{ reference: unknown }> = async ({ request: { reference }, signal }) => {
    const first = await state.provider!.masterKey(reference, signal);
    const keys = [first, ...(first.unwrapOnly ?? [])].map((one) => state.keys.describe(reference, one));
    return plain({ keys });
  };
  const examine: Work<{ references: unknown[] }> = async ({ request: { references }, signal, item }) => {
    for await (const finding of state.provider!.examine?.(references, signal) ?? []) item(finding);
    return plain({});
  };
  return { open, masterKey, examine };
}

function bindingWork(keys: KeptKeys) {
  const wrap: Work<KeyRequest & BoundRequest> = ({ request, fields: [material, bytes], signal }) =>
    held(material!, async (own) => {
      const one = keys.find(request.key);
      const { wrapped, scheme, version } = await one.masterKey.wrap(own, bindingOf(request, bytes!), signal);
      return { value: { scheme, version, ...newsOf(one) }, fields: [wrapped] };
    });
  const unwrap: Work<KeyRequest & BoundRequest> = ({ request, fields: [wrapped, bytes], signal }) =>
    held(wrapped!, async (own) => {
      const one = keys.find(request.key);
      const binding = bindingOf(request, bytes!);
      const { material, version, rewrapDue } = await one.masterKey.unwrap(own, request.scheme!, binding, signal);
      return { value: { version, rewrapDue, ...newsOf(one) }, fields: [material] };
    });
  return { wrap, unwrap };
}

function keyWork(keys: KeptKeys) {
  const probe: Work<KeyRequest> = async ({ request, signal }) => {
    const one = keys.find(request.key);
    await one.masterKey.probe(signal);
    return plain(newsOf(one));
  };
  const versions: Work<KeyRequest> = async ({ request, signal }) =>
    plain({ versions: await keys.find(request.key).masterKey.versions!(signal) });
  const rotate: Work<KeyRequest> = async ({ request, signal }) =>
    plain({ version: await keys.find(request.key).masterKey.rotate!(signal) });
  const setVersionState: Work<KeyRequest & { version: string; state: VersionState }> = async ({ request, signal }) => {
    await keys.find(request.key).masterKey.setVersionState!(request.version, request.state, signal);
    return plain({});
  };
  return { probe, versions, rotate, setVersionState };
}

function plain(value: unknown): Made {
  return { value, fields: [] };
}

function bindingOf({ pairs }: BoundRequest, bytes: Buffer): Binding {
  return { pairs, bytes: copy(bytes) };
}

/** Runs with a copy that is wiped at the end. */
async function held(bytes: Buffer, run: (own: Buffer) => Promise<Made>): Promise<Made> {
  const own = copy(bytes);
  try {
    return await run(own);
  } finally {
    wipe(own);
  }
}

async function load(module: string): Promise<{ readonly default: ChildModule }> {
  try {
    return (await import(module)) as { default: ChildModule };
  } catch (cause) {
    const message = `the module ${module} cannot be loaded in the provider's process: is it, and what it imports, installed?`;
    throw new BrokerError("REQUEST_INVALID", message, { cause });
  }
}
