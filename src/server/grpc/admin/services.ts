// keybroker.admin.v1: its services, an operation each.

import type { DescMessage } from "@bufbuild/protobuf";
import type { Service } from "../../../operations/index.ts";
import { GrantService } from "../../../proto/keybroker/admin/v1/grant_service_pb.ts";
import { KeyAdminService } from "../../../proto/keybroker/admin/v1/key_admin_service_pb.ts";
import { MasterKeyService } from "../../../proto/keybroker/admin/v1/master_key_service_pb.ts";
import { StatusService } from "../../../proto/keybroker/admin/v1/status_service_pb.ts";
import { StopService } from "../../../proto/keybroker/admin/v1/stop_service_pb.ts";
import { serviceDefinition, unary } from "../adapt.ts";
import type { CallerOf } from "../adapt.ts";
import type { Door } from "../key-service.ts";
import type { Rpc } from "../rpc.ts";
import { approveGrantRpc, listGrantsRpc, openGrantRpc, requestGrantRpc, revokeGrantRpc } from "./grants.ts";
import { listKeysRpc } from "./keys.ts";
import { listMasterKeyVersionsRpc, rotateMasterKeyRpc, setMasterKeyVersionStateRpc } from "./master-keys.ts";
import { getStatusRpc } from "./status.ts";
import { listStopsRpc, resumeKeysRpc, stopKeysRpc } from "./stops.ts";

/** What they are called, for reflection and health. */
export const adminServiceDescriptions = [
  KeyAdminService,
  StatusService,
  MasterKeyService,
  GrantService,
  StopService,
] as const;

/** The admin services for one listener. */
export function adminServices(service: Service, callerOf: CallerOf): Door[] {
  const handler = <Q extends DescMessage, A extends DescMessage, Answer extends object>(rpc: Rpc<Q, A, Answer>) =>
    unary(service, callerOf, rpc);
  return [
    door(KeyAdminService, { listKeys: handler(listKeysRpc) }),
    door(StatusService, { getStatus: handler(getStatusRpc(() => service.facts())) }),
    door(MasterKeyService, {
      listMasterKeyVersions: handler(listMasterKeyVersionsRpc),
      rotateMasterKey: handler(rotateMasterKeyRpc),
      setMasterKeyVersionState: handler(setMasterKeyVersionStateRpc),
    }),
    door(StopService, {
      stopKeys: handler(stopKeysRpc),
      resumeKeys: handler(resumeKeysRpc),
      listStops: handler(listStopsRpc),
    }),
    door(GrantService, {
      requestGrant: handler(requestGrantRpc),
      approveGrant: handler(approveGrantRpc),
      openGrant: handler(openGrantRpc),
      listGrants: handler(listGrantsRpc),
      revokeGrant: handler(revokeGrantRpc),
    }),
  ];
}

function door(description: Parameters<typeof serviceDefinition>[0], implementation: Door["implementation"]): Door {
  return { definition: serviceDefinition(description), implementation, drain: () => undefined };
}
