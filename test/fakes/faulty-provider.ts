// A provider that does what a test's script says: it hangs, lies, throttles, and answers too late.

import { z } from "zod";
import { BrokerError } from "../../src/errors/index.ts";
import type {
  Binding,
  MasterKey,
  Notify,
  Provider,
  ProviderKind,
  Unwrapped,
  Wrapped,
} from "../../src/provider/index.ts";

/** What the provider may be asked. */
export type Operation = "masterKey" | "wrap" | "unwrap" | "probe" | "versions" | "rotate" | "setVersionState";

/** A call as it arrived. */
export interface Call {
  readonly operation: Operation;
  readonly masterKeyId: string;
  readonly signal: AbortSignal;
  /** What was handed over for wrapping, itself: whether it was wiped can be seen. */
  readonly material?: Uint8Array;
}

/** Changes what a call answers. `answer` makes the honest answer. */
export type Fault = (call: Call, answer: () => unknown) => unknown;

/** A provider under a test's control. */
export interface FaultyProvider {
  readonly kind: ProviderKind;
  readonly calls: Call[];
  /** How often an operation was called. */
  count(operation: Operation): number;
  /** From now on calls go through `fault`; undefined makes it honest again. */
  play(fault: Fault | undefined): void;
  /** Providers opened and not closed. */
  open(): number;
  /** Every material that an unwrap answered: whether the broker wiped them can be seen. */
  readonly answered: Buffer[];
  /** What `rewrapDue` the unwraps answer. */
  rewrapDue: boolean;
  /** The version that wraps and unwraps tell. */
  version: string;
  /** How often each master key may wrap. */
  wrapLimit: number | undefined;
  /** Whether master keys have versions. */
  hasVersions: boolean;
  /** Tells the daemon of something between calls. */
  notify: Notify;
}

const faultySettings = z.strictObject({});
const reference = z.strictObject({ id: z.string() });

/** An honest provider until `play` says otherwise. It "wraps" by keeping what it was given under a ticket. */
export function createFaultyProvider(name = "faulty", number = 200): FaultyProvider {
  const kept = new Map<string, { masterKeyId: string; binding: string; material: Buffer }>();
  let fault: Fault | undefined;
  let open = 0;
  let tickets = 0;

  const provider: FaultyProvider = {
    kind: {
      kind: name,
      number,
      schemes: [1],
      settings: faultySettings,
      reference,
      open(_settings, notify) {
        provider.notify = notify ?? provider.notify;
        return Promise.resolve(opened());
      },
    },
    calls: [],
    count: (operation) => provider.calls.filter((call) => call.operation === operation).length,
    play: (next) => (fault = next),
    open: () => open,
    answered: [],
    rewrapDue: false,
    version: "v1",
    wrapLimit: undefined,
    hasVersions: false,
    notify: () => undefined,
  };

  async function run<T>(call: Call, answer: () => T): Promise<T> {
    provider.calls.push(call);
    return (await (fault ? fault(call, answer) : answer())) as T;
  }

  function opened(): Provider {
    open++;
    let closed = false;
    return {
      masterKey(wanted, signal) {
        const { id } = reference.parse(wanted);
        return run({ operation: "masterKey", masterKeyId: id, signal }, () => masterKey(id));
      },
      close() {
        if (!closed) open--;
        closed = true;
        return Promise.resolve();
      },
    };
  }

  function masterKey(id: string): MasterKey {
    const wrap = (material: Uint8Array, binding: Binding): Wrapped => {
      const ticket = `${name} ticket ${++tickets}`;
      kept.set(ticket, { masterKeyId: id, binding: binding.bytes.toString(), material: Buffer.from(material) });
      return { wrapped: Buffer.from(ticket), scheme: 1, version: provider.version };
    };
    const unwrap = (wrapped: Uint8Array, binding: Binding): Unwrapped => {
      const found = kept.get(Buffer.from(wrapped).toString());
      const fits = found?.masterKeyId === id && found.binding === binding.bytes.toString();
      if (!fits) throw new BrokerError("ENVELOPE_REFUSED", "no such ticket");
      const material = Buffer.alloc(found.material.length);
      found.material.copy(material);
      provider.answered.push(material);
      return { material, version: provider.version, rewrapDue: provider.rewrapDue };
    };
    const { wrapLimit } = provider;
    return {
      id,
      ...(wrapLimit !== undefined && { wrapLimit }),
      ...(provider.hasVersions && versionsOf(id)),
      wrap: (material, binding, signal) =>
        run({ operation: "wrap", masterKeyId: id, signal, material }, () => wrap(material, binding)),
      unwrap: (wrapped, _scheme, binding, signal) =>
        run({ operation: "unwrap", masterKeyId: id, signal }, () => unwrap(wrapped, binding)),
      probe: (signal) => run({ operation: "probe", masterKeyId: id, signal }, () => undefined),
    };
  }

  function versionsOf(id: string): Required<Pick<MasterKey, "versions" | "rotate" | "setVersionState">> {
    return {
      versions: (signal) =>
        run({ operation: "versions", masterKeyId: id, signal }, () => [
          { version: provider.version, state: "primary" },
        ]),
      rotate: (signal) => run({ operation: "rotate", masterKeyId: id, signal }, () => (provider.version += "+")),
      setVersionState: (version, _state, signal) =>
        run({ operation: "setVersionState", masterKeyId: id, signal }, () => {
          if (version !== provider.version) throw new BrokerError("REQUEST_INVALID", `no version ${version}`);
        }),
    };
  }

  return provider;
}

/** Faults to play. */
export const faults = {
  /** Never answers, and heeds no abort. */
  hang: (): Promise<never> => new Promise(() => {}),
  /** Answers only once the call was aborted: too late. */
  late: async ({ signal }: Call, answer: () => unknown): Promise<unknown> => {
    await aborted(signal);
    return answer();
  },
  /** Ends with an error of its own once the call was aborted, as SDKs do. */
  abortable: async ({ signal }: Call): Promise<never> => {
    await aborted(signal);
    throw new DOMException("aborted", "AbortError");
  },
  down: (): never => {
    throw new BrokerError("PROVIDER_UNAVAILABLE", "the backend is down");
  },
  throttle: (retryAfterMs: number) => (): never => {
    throw new BrokerError("PROVIDER_UNAVAILABLE", "throttled", { retryAfterMs });
  },
  disabled: (): never => {
    throw new BrokerError("KEY_DISABLED", "the master key is disabled");
  },
  refuse: (): never => {
    throw new BrokerError("ENVELOPE_REFUSED", "backend's own words of a refusal");
  },
  /** Fails as nobody foresaw. */
  unmapped: (): never => {
    throw new TypeError("socket hang up at byte 17");
  },
} satisfies Record<string, unknown>;

/** Plays a fault for one operation alone. */
export function on(operation: Operation, fault: Fault): Fault {
  return (call, answer) => (call.operation === operation ? fault(call, answer) : answer());
}

/** Changes the answer of one operation. */
export function altered<T>(operation: Operation, change: (honest: T) => unknown): Fault {
  return on(operation, (_, answer) => change(answer() as T));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
