// OpenSSH's key tool, which signs grants and judges our reading of its signatures.

import { debianProgram } from "./available.ts";

export const sshKeygen = debianProgram("ssh-keygen", "openssh-client");
