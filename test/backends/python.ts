// Python, for the independent reader of envelopes; its standard library is enough.

import { debianProgram } from "./available.ts";

export const python = debianProgram("python3");
