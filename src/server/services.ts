// What a listener offers: KeyService, health and reflection, and where it is switched on the admin services.

import type { DescService } from "@bufbuild/protobuf";
import { KeyService } from "../proto/keybroker/v1/key_service_pb.ts";
import { adminServiceDescriptions, adminServices, keyService } from "./grpc/index.ts";
import type { ServicesOf } from "./front-door.ts";
import { health } from "./health.ts";
import { reflection } from "./reflection.ts";

/** The services of a listener. */
export const standardServices: ServicesOf = (listener, service, callerOf) => {
  const offered: DescService[] = listener.admin ? [KeyService, ...adminServiceDescriptions] : [KeyService];
  return [
    keyService(service, callerOf),
    ...(listener.admin ? adminServices(service, callerOf) : []),
    health(offered.map(({ typeName }) => typeName)),
    reflection(offered),
  ];
};
