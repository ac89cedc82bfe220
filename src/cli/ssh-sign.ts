// Signs with a person's SSH key, by ssh-keygen: it knows agents, passphrases and security keys.

import { spawnSync } from "node:child_process";
import { CliError } from "./failure.ts";

/**
 * The signature over a text for a namespace, in its text form. `key` is a private key's file, or a public one's whose
 * private key an agent or a security key holds. ssh-keygen asks on the terminal for what it needs.
 */
export function sshSign(text: string, namespace: string, key: string): string {
  const command = ["-Y", "sign", "-n", namespace, "-f", key];
  const { error, status, stdout } = spawnSync("ssh-keygen", command, {
    input: text,
    stdio: ["pipe", "pipe", "inherit"],
    encoding: "latin1",
  });
  if (error !== undefined) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "is not installed: it comes with OpenSSH's client" : `failed: ${code}`;
    throw new CliError(1, `ssh-keygen ${why}`, error);
  }
  if (status !== 0) throw new CliError(1, `ssh-keygen did not sign with ${key}`);
  return stdout;
}
