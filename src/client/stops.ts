// The stop service: requests from plain objects, answers as plain objects.

import { timestampDate } from "@bufbuild/protobuf/wkt";
import * as proto from "../proto/keybroker/admin/v1/stop_service_pb.ts";
import { operationOf, requestOf, type Operation } from "./operation.ts";
import type { ResumedKeys, StopListing } from "./stop-types.ts";
import type { CallOptions, Client } from "./types.ts";

/** What of a client calls the stop service. */
type StopCalls = Pick<Client, "stopKeys" | "resumeKeys" | "listStops">;

/** Makes one call; the request is wiped by it. */
type CallOne = (operation: Operation, request: Buffer, options?: CallOptions) => Promise<unknown>;

const pageSize = 1000;

/** The stop calls of a client, each over `call`. */
export function stopCallsOf(call: CallOne): StopCalls {
  return {
    async stopKeys(input, options) {
      const request = requestOf(proto.StopKeysRequestSchema, input);
      const { shared } = (await call(stopKeys, request, options)) as proto.StopKeysResponse;
      return shared;
    },
    async resumeKeys(input, options) {
      const request = requestOf(proto.ResumeKeysRequestSchema, input);
      return (await call(resumeKeys, request, options)) as ResumedKeys;
    },
    async listStops(options) {
      const stops: StopListing["stops"][number][] = [];
      for (let pageToken = ""; ;) {
        const request = requestOf(proto.ListStopsRequestSchema, { pageSize, pageToken });
        const page = (await call(listStops, request, options)) as StopListing & { readonly nextPageToken: string };
        stops.push(...page.stops);
        pageToken = page.nextPageToken;
        if (pageToken === "") return { stops, epoch: page.epoch, complete: page.complete };
      }
    },
  };
}

const methods = proto.StopService.method;
const stopKeys = operationOf(methods.stopKeys);
const resumeKeys = operationOf(methods.resumeKeys, ({ shared, resumed, remaining }) => ({
  shared,
  resumed,
  remaining,
}));
const listStops = operationOf(methods.listStops, ({ stops, ...page }) => ({
  ...page,
  stops: stops.map(({ key, reason, identity, stopTime }) => ({
    key,
    reason,
    identity,
    stoppedAt: stopTime && timestampDate(stopTime),
  })),
}));
