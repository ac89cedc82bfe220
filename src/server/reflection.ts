// grpc.reflection: what grpcurl asks, answered from the descriptors that are compiled in.

import type * as Reflection from "@grpc/reflection";
import { toBinary } from "@bufbuild/protobuf";
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_google_rpc_error_details } from "../proto/google/rpc/error_details_pb.ts";
import { file_grpc_health_v1_health } from "../proto/grpc/health/v1/health_pb.ts";
import type { Door } from "./grpc/index.ts";
import { capture, lazyService, requirePackage } from "./lazy-service.ts";

const outlines = ["v1", "v1alpha"].map(
  (version) => ({ path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, kind: "bidi" }) as const,
);

/** What no service's file imports: health, and the details that errors carry. */
const beside = [file_grpc_health_v1_health, file_google_rpc_error_details];

/** Reflection over the given services, health and the details of errors. */
export function reflection(services: readonly DescService[]): Door {
  return lazyService(outlines, () => {
    const { ReflectionService } = requirePackage<typeof Reflection>("@grpc/reflection");
    const files = [...services.map(({ file }) => file), ...beside];
    const known = { keybroker: { fileDescriptorProtos: encoded(files) } };
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
