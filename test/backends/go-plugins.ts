// Go and its two protoc plugins, which make a client from the published proto.

import { debianProgram, goProgram } from "./available.ts";

export const go = debianProgram("go", "golang-go");
export const protocGenGo = goProgram("protoc-gen-go", "google.golang.org/protobuf/cmd/protoc-gen-go", "v1.36.12");
export const protocGenGoGrpc = goProgram(
  "protoc-gen-go-grpc",
  "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
  "v1.6.2",
);
