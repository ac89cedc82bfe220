// systemd's own judge of unit files. It needs no running systemd.

import { debianProgram } from "./available.ts";

export const systemdAnalyze = debianProgram("systemd-analyze", "systemd");
