// StatusService on the wire.

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { getStatus } from "../../../operations/index.ts";
import type { Facts } from "../../../operations/index.ts";
import * as status from "../../../proto/keybroker/admin/v1/status_service_pb.ts";
import { rpc } from "../rpc.ts";

/** GetStatus; `facts` are what the daemon knows of itself. */
export const getStatusRpc = (facts: () => Facts) =>
  rpc({
    request: status.GetStatusRequestSchema,
    response: status.GetStatusResponseSchema,
    operation: getStatus,
    format: (answer): status.GetStatusResponse => ({
      $typeName: "keybroker.admin.v1.GetStatusResponse",
      ...formatFacts(facts()),
      realm: answer.realm,
      configurationDigest: answer.configurationDigest,
      providers: answer.providers.map(({ name, kind, reachable, canWrap, canUnwrap, lastCallAt, error }) => ({
        $typeName: "keybroker.admin.v1.ProviderStatus",
        name,
        kind,
        reachable,
        canWrap,
        canUnwrap,
        lastCallTime: lastCallAt && timestampFromDate(lastCallAt),
        error: error ?? "",
      })),
    }),
  });

function formatFacts({ version, startedAt, configuredAt, reloadError, warnings }: Facts) {
  return {
    version,
    startTime: timestampFromDate(startedAt),
    configurationTime: timestampFromDate(configuredAt),
    reloadError: reloadError ?? "",
    warnings: [...warnings],
  };
}
