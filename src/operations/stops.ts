// StopKeys, ResumeKeys and ListStops: the emergency stop.

import type { Permission } from "../config/configuration.ts";
import { BrokerError } from "../errors/index.ts";
import type { Stop } from "../store/index.ts";
import type { Graph } from "./graph.ts";
import { denied } from "./denied.ts";
import type { Asker, Operation, Subject } from "./operation.ts";
import { checkPageSize, pageOf } from "./pages.ts";
import { checkedKeyName } from "./requests.ts";

const permission: Permission = "admin.stop";
const maxReasonLength = 200;

/** What is stopped or resumed: a key, or all. */
interface Target {
  readonly key: string;
  readonly all: boolean;
}

interface StopKeysRequest extends Target {
  readonly reason: string;
}

interface ListStopsRequest {
  /** 0 means 100. */
  readonly pageSize: number;
  readonly pageToken: string;
}

/** What was meant: names that are to change, undefined for the stop of all keys. */
interface Meant {
  readonly names: readonly (string | undefined)[];
  readonly details: Readonly<Record<string, string>>;
}

/** A stop with its key's name; empty for all keys. */
export interface NamedStop extends Stop {
  readonly key: string;
}

export interface ListStopsResponse {
  readonly stops: readonly NamedStop[];
  readonly nextPageToken: string;
  readonly epoch: number;
  readonly complete: boolean;
}

export const stopKeys: Operation<StopKeysRequest, { readonly shared: boolean }, Subject, Meant> = {
  name: "admin.stop",
  read(request) {
    checkReason(request.reason);
    return subjectOf(request);
  },
  authorise(graph, asker, { keyName }) {
    const key = keyName === undefined ? undefined : graph.broker.key(keyName);
    if (keyName === undefined) permitAll(graph, asker);
    else permitKey(graph, asker, key?.name ?? keyName, key !== undefined);
    return { names: [key?.name], details: { stop: key?.name ?? "all" } };
  },
  async act({ graph, identity, request }, { names }) {
    const stop = { reason: request.reason, by: identity.name, atMs: Date.now() };
    const { shared } = await graph.stops.set({ key: names[0], stop });
    return { shared };
  },
};

export interface ResumeKeysResponse {
  readonly shared: boolean;
  readonly resumed: boolean;
  readonly remaining: number;
}

export const resumeKeys: Operation<Target, ResumeKeysResponse, Subject, Meant> = {
  name: "admin.resume",
  read: subjectOf,
  authorise(graph, asker, { keyName }) {
    if (keyName === undefined) {
      permitAll(graph, asker);
      return { names: [undefined], details: { resume: "all" } };
    }
    const key = graph.broker.key(keyName);
    const { keys } = graph.stops.list();
    // A key may have left the configuration, or been given a new name, while it was stopped.
    const names = [...new Set([keyName, ...(key === undefined ? [] : [key.name, ...key.formerNames])])];
    permitKey(graph, asker, key?.name ?? keyName, key !== undefined || keys.has(keyName));
    return { names: names.filter((name) => keys.has(name)), details: { resume: key?.name ?? keyName } };
  },
  async act({ graph }, { names }) {
    const before = graph.stops.list();
    const lifted = names.filter((name) => (name === undefined ? before.all !== undefined : before.keys.has(name)));
    let shared = true;
    for (const key of lifted) ({ shared } = await graph.stops.set({ key, stop: undefined }));
    const { all, keys } = graph.stops.list();
    return { shared, resumed: lifted.length > 0, remaining: keys.size + (all === undefined ? 0 : 1) };
  },
};

export const listStops: Operation<ListStopsRequest, ListStopsResponse, Subject, readonly NamedStop[]> = {
  name: "admin.stops.list",
  read({ pageSize }) {
    checkPageSize(pageSize);
    return {};
  },
  authorise(graph, asker) {
    const may = (key: string) => graph.policy.decide({ identity: asker.identity, permission, key }).allowed;
    const configured = graph.broker.keys().map(({ configuration }) => configuration.name);
    if (!configured.some(may)) throw denied(asker, permission);
    asker.record.decision = "allowed";
    const { all, keys } = graph.stops.list();
    const shown = [...keys]
      .filter(([key]) => may(graph.broker.key(key)?.name ?? key))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return [...(all === undefined ? [] : [{ key: "", ...all }]), ...shown.map(([key, stop]) => ({ key, ...stop }))];
  },
  act({ graph, request }, visible) {
    // No key is called "*", and an empty token is the first page's.
    const { items, nextPageToken } = pageOf(visible, ({ key }) => key || "*", request);
    return { stops: items, nextPageToken, epoch: graph.stops.list().epoch, complete: graph.stops.known() };
  },
};

/** Throws REQUEST_INVALID unless it is either a key or all. */
function subjectOf({ key, all }: Target): Subject {
  if (all !== (key === "")) throw new BrokerError("REQUEST_INVALID", "name either a key, or all");
  return all ? {} : { keyName: checkedKeyName(key) };
}

function checkReason(reason: string): void {
  // eslint-disable-next-line no-control-regex -- they are what is refused
  if (reason.length <= maxReasonLength && !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(reason)) return;
  throw new BrokerError("REQUEST_INVALID", `a reason has at most ${maxReasonLength} characters, on one line`);
}

/** A key that does not exist and one that is not the identity's get one answer. */
function permitKey(graph: Graph, asker: Asker, key: string, exists: boolean): void {
  const decision = graph.policy.decide({ identity: asker.identity, permission, key });
  if (!decision.allowed || !exists) throw denied(asker, permission, key);
  asker.record.decision = "allowed";
  asker.record.rule = decision.rule;
}

function permitAll(graph: Graph, asker: Asker): void {
  for (const { configuration } of graph.broker.keys()) permitKey(graph, asker, configuration.name, true);
}
