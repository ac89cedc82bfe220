// Makes a client: addresses and bounds in, typed promises out.

import { KeyService } from "../proto/keybroker/v1/key_service_pb.ts";
import { parseAddress } from "./address.ts";
import { adminOf } from "./admin.ts";
import { batchOf } from "./batch.ts";
import { openChannel } from "./channel.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Endpoint, type EndpointEvents } from "./endpoint.ts";
import { grantCallsOf } from "./grants.ts";
import { stopCallsOf } from "./stops.ts";
import { operations, requestOf, type Operation } from "./operation.ts";
import { PendingCall } from "./pending-call.ts";
import { openTokenFile } from "./token-file.ts";
import type { CallOptions, Client, ClientOptions, OperationName, Operations } from "./types.ts";

const defaultTimeoutMs = 15_000;
const maxTimeoutMs = 24 * 3600 * 1000;

/**
 * A client of one daemon or several. It connects with the first call, and must be closed. Throws a TypeError or a
 * RangeError when an option is wrong.
 */
export function createClient(options: ClientOptions): Client {
  const dispatcher = new Dispatcher((events) => endpointsOf(options, events), {
    maxAttempts: positive("maxAttempts", options.maxAttempts ?? 4),
    unreachableMs: positive("unreachableMs", options.unreachableMs ?? 2_000),
    maxCalls: positive("maxCalls", options.maxCalls ?? 10_000),
    maxBytes: positive("maxBytes", options.maxBytes ?? 64 * 1024 * 1024),
  });
  const timeoutMs = timeout(options.timeoutMs ?? defaultTimeoutMs);

  function call(operation: Operation, request: Buffer, own?: CallOptions): Promise<unknown> {
    if (own?.signal?.aborted) return Promise.reject(own.signal.reason as Error);
    const bounds = {
      timeoutMs: own?.timeoutMs === undefined ? timeoutMs : timeout(own.timeoutMs),
      signal: own?.signal,
    };
    const pending = new PendingCall(operation, request, bounds, (settled) => dispatcher.settled(settled));
    dispatcher.submit(pending);
    return pending.promise;
  }

  function perform<Name extends OperationName>(name: Name) {
    const operation = operations[name];
    const schema = KeyService.method[name].input;
    return async (input: Operations[Name]["input"], own?: CallOptions): Promise<Operations[Name]["output"]> =>
      call(operation, requestOf(schema, input), own) as Promise<Operations[Name]["output"]>;
  }

  return {
    wrap: perform("wrap"),
    unwrap: perform("unwrap"),
    generateDataKey: perform("generateDataKey"),
    rewrap: perform("rewrap"),
    check: perform("check"),
    inspect: perform("inspect"),
    batch: async (calls, own) => {
      const batch = batchOf(calls);
      return batch.results(await call(batch.operation, batch.request, own));
    },
    ...adminOf(call),
    ...grantCallsOf(call),
    ...stopCallsOf(call),
    waitUntilReachable: (waitMs) => dispatcher.waitUntilConnected(new Date(Date.now() + timeout(waitMs))),
    close: () => dispatcher.close(),
  };
}

function endpointsOf(options: ClientOptions, events: EndpointEvents): Endpoint[] {
  const addresses = [
    ...new Set([...(options.addresses ?? []), ...(options.address === undefined ? [] : [options.address])]),
  ];
  if (addresses.length === 0) throw new TypeError("give an address: unix:PATH or host:port");
  const token = options.tokenFile === undefined ? undefined : openTokenFile(options.tokenFile);
  const connectTimeoutMs = positive("connectTimeoutMs", options.connectTimeoutMs ?? 2_000);
  return addresses.map((text) => {
    const address = parseAddress(text);
    const channel = openChannel(address, options.tls, token !== undefined);
    return new Endpoint(address, channel, { connectTimeoutMs, token }, events);
  });
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a whole number above 0, not ${value}`);
}

function timeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return timeoutMs;
  throw new RangeError(`a timeout must be above 0 and at most ${maxTimeoutMs} ms, not ${timeoutMs}`);
}
