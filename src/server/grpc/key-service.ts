// keybroker.v1.KeyService: its handlers, one operation each.

import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Service } from "../../operations/index.ts";
import { KeyService } from "../../proto/keybroker/v1/key_service_pb.ts";
import { serviceDefinition, unary } from "./adapt.ts";
import type { CallerOf } from "./adapt.ts";
import { batch } from "./batch.ts";
import { rpcs } from "./rpc.ts";
import { createSessions } from "./session.ts";

/** A gRPC service ready to be added to a server. */
export interface Door {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Ends streams once draining began; what was read is answered first. */
  drain(): void;
}

/** KeyService for one listener. */
export function keyService(service: Service, callerOf: CallerOf): Door {
  const sessions = createSessions(service, callerOf);
  return {
    definition: serviceDefinition(KeyService),
    implementation: {
      wrap: unary(service, callerOf, rpcs.wrap),
      unwrap: unary(service, callerOf, rpcs.unwrap),
      generateDataKey: unary(service, callerOf, rpcs.generateDataKey),
      rewrap: unary(service, callerOf, rpcs.rewrap),
      check: unary(service, callerOf, rpcs.check),
      inspect: unary(service, callerOf, rpcs.inspect),
      batch: batch(service, callerOf),
      session: sessions.handle,
    },
    drain: () => sessions.drain(),
  };
}
