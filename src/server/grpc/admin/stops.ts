// StopService on the wire.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { listStops, resumeKeys, stopKeys } from "../../../operations/index.ts";
import * as proto from "../../../proto/keybroker/admin/v1/stop_service_pb.ts";
import { rpc } from "../rpc.ts";

/** StopKeys. */
export const stopKeysRpc = rpc({
  request: proto.StopKeysRequestSchema,
  response: proto.StopKeysResponseSchema,
  operation: stopKeys,
  format: (answer): proto.StopKeysResponse => ({ $typeName: "keybroker.admin.v1.StopKeysResponse", ...answer }),
});

/** ResumeKeys. */
export const resumeKeysRpc = rpc({
  request: proto.ResumeKeysRequestSchema,
  response: proto.ResumeKeysResponseSchema,
  operation: resumeKeys,
  format: (answer): proto.ResumeKeysResponse => ({ $typeName: "keybroker.admin.v1.ResumeKeysResponse", ...answer }),
});

/** ListStops. */
export const listStopsRpc = rpc({
  request: proto.ListStopsRequestSchema,
  response: proto.ListStopsResponseSchema,
  operation: listStops,
  format: ({ stops, epoch, ...answer }): proto.ListStopsResponse => ({
    $typeName: "keybroker.admin.v1.ListStopsResponse",
    ...answer,
    epoch: BigInt(epoch),
    stops: stops.map(({ key, reason, by, atMs }) => ({
      $typeName: "keybroker.admin.v1.Stop",
      key,
      reason,
      identity: by,
      stopTime: timestampFromMs(atMs),
    })),
  }),
});
