// keybroker.admin.v1: its services, an operation each.

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { getStatus, listKeys } from "../../../operations/index.ts";
import type { Facts, Service } from "../../../operations/index.ts";
import * as keys from "../../../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import * as status from "../../../proto/keybroker/admin/v1/status_service_pb.ts";
import { serviceDefinition, unary } from "../adapt.ts";
import type { CallerOf } from "../adapt.ts";
import type { Door } from "../key-service.ts";
import { rpc } from "../rpc.ts";

/** The admin services for one listener. */
export function adminServices(service: Service, callerOf: CallerOf): Door[] {
  return [
    door(keys.KeyAdminService, { listKeys: unary(service, callerOf, listKeysRpc) }),
    door(status.StatusService, {
      getStatus: unary(
        service,
        callerOf,
        getStatusRpc(() => service.facts()),
      ),
    }),
  ];
}

function door(description: Parameters<typeof serviceDefinition>[0], implementation: Door["implementation"]): Door {
  return { definition: serviceDefinition(description), implementation, drain: () => undefined };
}

const listKeysRpc = rpc({
  request: keys.ListKeysRequestSchema,
  response: keys.ListKeysResponseSchema,
  operation: listKeys,
  format: (answer): keys.ListKeysResponse => ({
    $typeName: "keybroker.admin.v1.ListKeysResponse",
    nextPageToken: answer.nextPageToken,
    keys: answer.keys.map(formatKey),
  }),
});

function formatKey({
  configuration,
  recipients,
  branchKey,
}: Parameters<typeof listKeysRpc.format>[0]["keys"][0]): keys.Key {
  return {
    $typeName: "keybroker.admin.v1.Key",
    name: configuration.name,
    formerNames: [...configuration.formerNames],
    threshold: configuration.unwrapNeeds,
    wrapsVerified: configuration.verifyWrap,
    branchKeyCreateTime: branchKey && timestampFromDate(branchKey.createdAt),
    branchKeyWraps: BigInt(branchKey?.wraps ?? 0),
    recipients: recipients.map(({ provider, kind, masterKeyId, unwrapOnly }) => ({
      $typeName: "keybroker.admin.v1.KeyRecipient",
      provider,
      providerKind: kind,
      masterKeyId: masterKeyId ?? "",
      unwrapOnly,
    })),
  };
}

const getStatusRpc = (facts: () => Facts) =>
  rpc({
    request: status.GetStatusRequestSchema,
    response: status.GetStatusResponseSchema,
    operation: getStatus,
    format: (answer): status.GetStatusResponse => ({
      $typeName: "keybroker.admin.v1.GetStatusResponse",
      ...formatFacts(facts()),
      realm: answer.realm,
      configurationDigest: answer.configurationDigest,
      providers: answer.providers.map(({ name, kind, reachable, lastCallAt, error }) => ({
        $typeName: "keybroker.admin.v1.ProviderStatus",
        name,
        kind,
        reachable,
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
