// The wire protocol of Cloud KMS, from the .proto files that Google's own library ships.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import type { ServiceDefinition } from "@grpc/grpc-js";

const require = createRequire(import.meta.url);
/** build/src/index.js of a package: its protos are beside src. */
const protosOf = (name: string) => join(dirname(require.resolve(name)), "../protos");

const loaded = loadSync(
  ["google/cloud/kms/v1/service.proto", "google/iam/v1/iam_policy.proto", "google/rpc/error_details.proto"],
  {
    includeDirs: [protosOf("@google-cloud/kms"), protosOf("google-gax")],
    longs: String,
    enums: String,
    defaults: true,
  },
);

/** An answer's bytes as they are sent, instead of a message. */
export class RawAnswer {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A service's definition whose handlers may also answer raw bytes. */
function definitionOf(name: string): ServiceDefinition {
  const definition = loaded[name] as ServiceDefinition;
  const methods = Object.entries(definition).map(([method, { responseSerialize, ...rest }]) => {
    const serialize = (answer: unknown) => (answer instanceof RawAnswer ? answer.bytes : responseSerialize(answer));
    return [method, { ...rest, responseSerialize: serialize }];
  });
  return Object.fromEntries(methods) as ServiceDefinition;
}

export const keyManagement = definitionOf("google.cloud.kms.v1.KeyManagementService");
export const iamPolicy = definitionOf("google.iam.v1.IAMPolicy");
