// grpc.reflection: what grpcurl asks, answered from the descriptors that are compiled in.

import type * as Reflection from "@grpc/reflection";
import type * as HealthCheck from "grpc-health-check";
import { toBinary } from "@bufbuild/protobuf";
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Door } from "./grpc/index.ts";
import { capture, lazyService, requirePackage } from "./lazy-service.ts";

const outlines = ["v1", "v1alpha"].map(
  (version) => ({ path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, kind: "bidi" }) as const,
);

/** Reflection over the given services, health among them. */
export function reflection(services: readonly DescService[]): Door {
  return lazyService(outlines, () => {
    const { ReflectionService } = requirePackage<typeof Reflection>("@grpc/reflection");
    const known = { keybroker: { fileDescriptorProtos: encoded(services.map(({ file }) => file)) }, ...healthFiles() };
    const service = new ReflectionService(known as never);
    return capture((server) => service.addToServer(server));
  });
}

/** Files with all they import, each once. */
function encoded(files: readonly DescFile[]): Buffer[] {
  const all = new Map<string, DescFile>();
  const add = (file: DescFile) => {
    if (all.has(file.name)) return;
    all.set(file.name, file);
    file.dependencies.forEach(add);
  };
  files.forEach(add);
  return [...all.values()].map(({ proto }) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
}

function healthFiles(): object {
  const { service } = requirePackage<typeof HealthCheck>("grpc-health-check");
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [name, (method as { requestType?: object }).requestType]),
  );
}
