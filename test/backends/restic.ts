// restic, Debian's own.

import { debianProgram } from "./available.ts";

export const restic = debianProgram("restic");
