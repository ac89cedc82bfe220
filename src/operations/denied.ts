// What is told to whom no rule allows what they asked for.

import type { Permission } from "../config/configuration.ts";
import { BrokerError } from "../errors/index.ts";
import type { Asker } from "./operation.ts";

/** The one refusal of the policy. */
export function denied({ identity, record }: Asker, permission: Permission, key?: string): BrokerError {
  record.decision = "denied";
  const where = key === undefined ? "" : ` with key ${key}`;
  return new BrokerError("DENIED", `no policy rule lets identity ${identity.name} ${permission}${where}`);
}
