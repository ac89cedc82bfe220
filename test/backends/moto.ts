// moto, an AWS that answers over real HTTP on loopback: its KMS, IAM and STS.

import { pythonProgram } from "./python-program.ts";

/** The server's program. */
export const motoServer = pythonProgram("moto_server", "moto[server]", "5.2.5");
