// gdb's gcore, which writes a core of a running process as a crash would.

import { debianProgram } from "./available.ts";

export const gcore = debianProgram("gcore", "gdb");
