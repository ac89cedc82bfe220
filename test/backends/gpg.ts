// GnuPG, for the script that encrypts a folder.

import { debianProgram } from "./available.ts";

export const gpg = debianProgram("gpg", "gnupg");
