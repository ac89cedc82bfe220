// grpc.health.v1: whether this daemon takes calls, per service.

import type * as HealthCheck from "grpc-health-check";
import type { Door } from "./grpc/index.ts";
import { capture, lazyService, requirePackage } from "./lazy-service.ts";

const path = "/grpc.health.v1.Health";
const outlines = [
  { path: `${path}/Check`, kind: "unary" },
  { path: `${path}/List`, kind: "unary" },
  { path: `${path}/Watch`, kind: "serverStream" },
] as const;

/** Health of a server ("") and the named services: serving until it is drained, when the watchers hear of it. */
export function health(services: readonly string[]): Door {
  const names = ["", ...services];
  let status: "SERVING" | "NOT_SERVING" = "SERVING";
  let implementation: HealthCheck.HealthImplementation | undefined;
  const lazy = lazyService(outlines, () => {
    const { HealthImplementation } = requirePackage<typeof HealthCheck>("grpc-health-check");
    implementation = new HealthImplementation(Object.fromEntries(names.map((name) => [name, status])));
    return capture((server) => implementation!.addToServer(server));
  });
  return {
    ...lazy,
    drain() {
      status = "NOT_SERVING";
      for (const name of names) implementation?.setStatus(name, status);
      lazy.drain();
    },
  };
}
