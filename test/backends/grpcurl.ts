// grpcurl, the command line that operators try a gRPC service with.

import { goProgram } from "./available.ts";

export const grpcurl = goProgram("grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.3");
